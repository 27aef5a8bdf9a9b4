// machine.cpp: runs a kernel's blocks one after another, its threads as fibers that meet at barriers.
#include "machine.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "fiber.h"

namespace emulation {

Place place;

namespace {

constexpr int WARP = 32;
enum class Waits { nothing, block, warp };

struct Thread {
  Strand strand;
  unsigned number = 0;  // within the block
  bool done = false;
  Waits waits = Waits::nothing;
  unsigned mask = 0;            // of the warp operation it waits at
  int line = 0;                 // of the operation it reached last
  unsigned long long passed = 0;  // the value it offers to a vote or shuffle
  unsigned block_meetings = 0, warp_meetings = 0;
};

// Tokens of the thread sanitizer's order.  Meetings alternate between two of them, so that no thread acquires what
// another one releases after the meeting.
struct Tokens {
  char begin, end, block[2], warp[32][2];
} tokens;

std::vector<std::unique_ptr<Thread>> threads;  // grows to the largest block
unsigned in_block;
Thread* current;
Strand launcher;
unsigned long long random_state;
void (*kernel_body)(void*);
void* kernel_arguments;
const char* kernel_name;
bool stopped;
char message[512];

void acquire(char* token) {
  if (__tsan_acquire) __tsan_acquire(token);
}
void release(char* token) {
  if (__tsan_release) __tsan_release(token);
}

void stop(const char* why, const Thread& thread) {
  if (stopped) return;
  stopped = true;
  snprintf(message, sizeof message, "kernel %s, block %u, thread %u, line %d: %s", kernel_name, place.block.x,
           thread.number, thread.line, why);
}

// Give way until the scheduler resumes this thread; a stopped machine never does.
void give_way() { switch_strand(current->strand, launcher, current->done); }

void enter() {
  if (__sanitizer_finish_switch_fiber && !thread_sanitizer())
    __sanitizer_finish_switch_fiber(nullptr, &launcher.bottom, &launcher.bytes);
  acquire(&tokens.begin);
  kernel_body(kernel_arguments);
  current->done = true;
  release(&tokens.end);
  give_way();
  __builtin_trap();
}

void resume(Thread& thread) {
  current = &thread;
  place.thread = {thread.number, 0, 0};
  switch_strand(launcher, thread.strand, false);
}

void shuffle_order(std::vector<unsigned>& order) {
  if (!random_state) return;
  for (size_t i = order.size(); i > 1; i--) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    std::swap(order[i - 1], order[random_state % i]);
  }
}

// Whether the lanes named by `one`'s mask have all arrived, so that they may go on together.
bool warp_met(const Thread& one, unsigned first, unsigned end) {
  bool met = true;
  for (unsigned k = first; k < end; k++) {
    if (!(one.mask >> (k - first) & 1)) continue;
    const Thread& other = *threads[k];
    if (other.done) stop("a warp operation waits for a lane that has left the kernel", one);
    else if (other.waits == Waits::block) stop("a warp operation waits for a lane that is at __syncthreads", one);
    else if (other.waits != Waits::warp) met = false;
    else if (other.mask != one.mask || other.line != one.line)
      stop("lanes of one warp meet at different warp operations (divergence)", other);
  }
  return met && !stopped;
}

bool release_warps() {
  bool released = false;
  for (unsigned first = 0; first < in_block; first += WARP) {
    const unsigned end = first + WARP < in_block ? first + WARP : in_block;
    for (unsigned k = first; k < end && !stopped; k++) {
      const Thread& one = *threads[k];
      if (one.done || one.waits != Waits::warp || !warp_met(one, first, end)) continue;
      const unsigned mask = one.mask;
      for (unsigned other = first; other < end; other++)
        if (mask >> (other - first) & 1) threads[other]->waits = Waits::nothing;
      released = true;
    }
  }
  return released;
}

bool release_block(unsigned alive) {
  unsigned waiting = 0;
  const Thread* one = nullptr;
  for (unsigned k = 0; k < in_block; k++) {
    const Thread& thread = *threads[k];
    if (thread.done || thread.waits != Waits::block) continue;
    waiting++;
    if (!one) one = &thread;
    if (thread.line != one->line) stop("threads meet at different __syncthreads (divergence)", thread);
  }
  if (!waiting || waiting != alive) return false;
  if (alive != in_block) stop("__syncthreads after a thread of the block has left the kernel", *one);
  for (unsigned k = 0; k < in_block; k++) threads[k]->waits = Waits::nothing;
  return true;
}

void run_block() {
  for (unsigned k = 0; k < in_block; k++) {
    Thread& thread = *threads[k];
    thread.number = k;
    thread.done = false;
    thread.waits = Waits::nothing;
    thread.block_meetings = thread.warp_meetings = 0;
    thread.strand.restart(enter);
  }
  release(&tokens.begin);
  std::vector<unsigned> order(in_block);
  std::iota(order.begin(), order.end(), 0u);
  unsigned alive = in_block;
  while (alive && !stopped) {
    bool progress = false;
    shuffle_order(order);
    for (unsigned k : order) {
      Thread& thread = *threads[k];
      if (thread.done || thread.waits != Waits::nothing) continue;
      resume(thread);
      progress = true;
      alive -= thread.done;
      if (stopped) return;
    }
    progress |= release_warps();
    progress |= release_block(alive);
    if (!progress)
      for (unsigned k = 0; k < in_block; k++)
        if (!threads[k]->done) stop("deadlock: some threads of the block never come to this meeting", *threads[k]);
  }
  acquire(&tokens.end);
}

// Meet the lanes of `mask`.  CUDA's votes and shuffles order no memory; __syncwarp does (`fence`).
void meet_warp(unsigned mask, int line, bool fence) {
  Thread& self = *current;
  self.line = line;
  if (!(mask >> (self.number % WARP) & 1)) {
    stop("a lane calls a warp operation whose mask leaves it out", self);
    give_way();
  }
  self.waits = Waits::warp;
  self.mask = mask;
  char* token = &tokens.warp[self.number / WARP][self.warp_meetings & 1];
  self.warp_meetings += fence;
  if (fence) release(token);
  give_way();
  if (fence) acquire(token);
}

}  // namespace

int lane() { return int(current->number % WARP); }

void barrier(int line) {
  Thread& self = *current;
  self.waits = Waits::block;
  self.line = line;
  char* token = &tokens.block[self.block_meetings++ & 1];
  release(token);
  give_way();
  acquire(token);
}

int barrier_or(int vote, int line) {
  current->passed = vote;
  barrier(line);
  int any = 0;
  for (unsigned k = 0; k < in_block; k++) any |= int(threads[k]->passed);
  barrier(line);
  return any;
}

void warp_barrier(unsigned mask, int line) { meet_warp(mask, line, true); }

unsigned ballot(unsigned mask, int vote, int line) {
  current->passed = vote;
  meet_warp(mask, line, false);
  const unsigned first = current->number / WARP * WARP;
  unsigned votes = 0;
  for (unsigned k = 0; k < WARP && first + k < in_block; k++)
    if (mask >> k & 1) votes |= unsigned(threads[first + k]->passed & 1) << k;
  meet_warp(mask, line, false);
  return votes;
}

unsigned long long from_lane(unsigned mask, unsigned long long value, int source, int line) {
  current->passed = value;
  meet_warp(mask, line, false);
  const unsigned number = current->number / WARP * WARP + unsigned(source);
  if (!(mask >> source & 1) || number >= in_block) {
    stop("a shuffle reads a lane that its mask leaves out or that does not exist", *current);
    give_way();
  }
  const unsigned long long read = threads[number]->passed;
  meet_warp(mask, line, false);
  return read;
}

int run(const char* kernel, unsigned blocks, unsigned block_threads, unsigned long long schedule, char* shared,
        char* shared_end, void (*body)(void*), void* arguments) {
  kernel_name = kernel;
  kernel_body = body;
  kernel_arguments = arguments;
  random_state = schedule;
  in_block = block_threads;
  stopped = false;
  place.threads = {block_threads, 1, 1};
  place.blocks = {blocks, 1, 1};
  while (threads.size() < in_block) threads.emplace_back(new Thread);
  if (thread_sanitizer()) {
    launcher.tsan = __tsan_get_current_fiber();
    for (unsigned k = 0; k < in_block; k++) threads[k]->strand.tsan = __tsan_create_fiber(0);
  }
  std::vector<unsigned> order(blocks);
  std::iota(order.begin(), order.end(), 0u);
  shuffle_order(order);
  for (unsigned block : order) {
    if (stopped) break;
    place.block = {block, 0, 0};
    if (shared) memset(shared, 0xff, size_t(shared_end - shared));
    run_block();
  }
  if (thread_sanitizer())
    for (unsigned k = 0; k < in_block; k++) __tsan_destroy_fiber(threads[k]->strand.tsan);
  return stopped;
}

const char* error() { return message; }

}  // namespace emulation
