// machine.h: the emulated CUDA machine, as seen by cuda.h and by the generated entry points.
//
// Blocks run one after another; the threads of a block are fibers that hand over to each other only where CUDA
// lets threads meet: barriers, votes, shuffles.  So a wrong meeting is seen at once and named with its line.
#pragma once

namespace emulation {

struct Index {
  unsigned x, y, z;
};

// What a running thread may know of itself; the machine sets it at every switch.
struct Place {
  Index thread, block, threads, blocks;
};
extern Place place;

int lane();                                // 0 … 31 within the warp
void barrier(int line);                    // __syncthreads
int barrier_or(int vote, int line);        // __syncthreads_or
void warp_barrier(unsigned mask, int line);  // __syncwarp
unsigned ballot(unsigned mask, int vote, int line);
unsigned long long from_lane(unsigned mask, unsigned long long value, int lane, int line);

// Run `body(arguments)` in every thread of a grid.  Shared memory [shared, shared_end) holds NaN (all bits set) when a
// block begins, as reading it unwritten is an error on CUDA.  schedule: 0 runs threads and blocks in order, any
// other value in an order drawn from it.  Returns 0, or 1 when the machine stopped; error() then says why.
int run(const char* kernel, unsigned blocks, unsigned threads, unsigned long long schedule, char* shared,
        char* shared_end, void (*body)(void*), void* arguments);
const char* error();

}  // namespace emulation
