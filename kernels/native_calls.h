// native_calls.h: many steps of a program in one call: its operations as addresses of functions with their arguments.
//
// A step is a list of calls, run in order again and again.  The loop ends after so many steps, or before a call that may not be
// made any more or that somebody else has to make, or at a call that returned what was not expected of it.
#pragma once
#include "prelude.h"
#ifndef HPC_CUDA
#include <chrono>

struct NativeCall {
  long long function;         // long long (*)(const long long* words); 0: somebody else has to do this
  long long words;            // address of its arguments
  long long expected;         // what it returns where all is well
  long long left;             // how many times it may be called yet; -1: always
  long long step_word;        // which argument is the number of the step, or -1
  long long block_word;       // which argument is the number of blocks of random numbers that the step has drawn, or -1
  long long draws;            // blocks that it draws
  long long done;             // += calls that went well
  long long nanoseconds;      // += time in them
};

// calls: `count` of them, the loop begins at number from[0] of step from[1] with from[2] blocks drawn; `steps` is how many ends of
// steps may pass.  from: where it ended; from[3]: 1 if because of what the call there returned.  Returns how many ends were passed.
HOST(run_calls)(long long count, NativeCall* calls, long long steps, long long* from) {
  long long passed = 0;
  from[3] = 0;
  while (passed < steps) {
    NativeCall& c = calls[from[0]];
    if (!c.function || !c.left) return passed;
    long long* words = (long long*)c.words;
    if (c.step_word >= 0) words[c.step_word] = from[1];
    if (c.block_word >= 0) words[c.block_word] = from[2];
    const auto begun = std::chrono::steady_clock::now();
    const long long found = ((long long (*)(const long long*))c.function)(words);
    c.nanoseconds += std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - begun).count();
    if (found != c.expected) {
      from[3] = 1;
      return passed;
    }
    c.done++;
    if (c.left > 0) c.left--;
    from[2] += c.draws;
    if (++from[0] < count) continue;
    from[0] = from[2] = 0;
    from[1]++;
    passed++;
  }
  return passed;
}
OFFERED(run_calls)

// The place, counted from 1, of the first of n numbers that is not 0; 0 where all are.
HOST(first_set)(long long n, const long long* numbers) {
  for (long long i = 0; i < n; i++)
    if (numbers[i]) return i + 1;
  return 0;
}
OFFERED(first_set)
#endif
