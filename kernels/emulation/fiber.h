// fiber.h: a thread of the emulated machine: a stack, and a switch that the sanitizers are told of.
#pragma once
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

// Present only when a sanitizer is loaded into the process.
extern "C" {
#define SANITIZER_HOOK __attribute__((weak))
SANITIZER_HOOK void* __tsan_get_current_fiber();
SANITIZER_HOOK void* __tsan_create_fiber(unsigned);
SANITIZER_HOOK void __tsan_destroy_fiber(void*);
SANITIZER_HOOK void __tsan_switch_to_fiber(void*, unsigned);
SANITIZER_HOOK void __tsan_acquire(void*);
SANITIZER_HOOK void __tsan_release(void*);
SANITIZER_HOOK void __sanitizer_start_switch_fiber(void**, const void*, size_t);
SANITIZER_HOOK void __sanitizer_finish_switch_fiber(void*, const void**, size_t*);
SANITIZER_HOOK void __asan_unpoison_memory_region(const volatile void*, size_t);
}

namespace emulation {

constexpr size_t STACK_BYTES = 256 * 1024;

#if defined(__x86_64__)
// Saves the registers that a call must keep, and the stack pointer, in *save; continues where `load` was saved.
extern "C" __attribute__((visibility("hidden"))) void emulation_switch(void** save, void* load);
asm(".text\n.hidden emulation_switch\n.globl emulation_switch\n.type emulation_switch,@function\nemulation_switch:\n"
    "push %rbp\npush %rbx\npush %r12\npush %r13\npush %r14\npush %r15\nmov %rsp,(%rdi)\nmov %rsi,%rsp\n"
    "pop %r15\npop %r14\npop %r13\npop %r12\npop %rbx\npop %rbp\nret\n");

struct Context {
  void* stack_pointer = nullptr;
  void prepare(char* stack, size_t bytes, void (*entry)()) {
    void** top = (void**)(stack + bytes - 64);
    *--top = nullptr;        // no caller: ends backtraces, aligns the stack as after a call
    *--top = (void*)entry;   // where the first switch returns to
    for (int k = 0; k < 6; k++) *--top = nullptr;
    stack_pointer = top;
  }
  void switch_to(Context& other) { emulation_switch(&stack_pointer, other.stack_pointer); }
};
#else  // portable, with a system call per switch
struct Context {
  ucontext_t state;
  void prepare(char* stack, size_t bytes, void (*entry)()) {
    getcontext(&state);
    state.uc_stack.ss_sp = stack;
    state.uc_stack.ss_size = bytes;
    state.uc_link = nullptr;
    makecontext(&state, entry, 0);
  }
  void switch_to(Context& other) { swapcontext(&state, &other.state); }
};
#endif

// The stack that launched the kernel, or a fiber's own.
struct Strand {
  Context context;
  char* stack = nullptr;
  const void* bottom = nullptr;  // for the address sanitizer
  size_t bytes = 0;
  void* fake_stack = nullptr;
  void* tsan = nullptr;

  // Begin again at `entry` on a stack that ends in a guard page.
  void restart(void (*entry)()) {
    if (!stack) {
      const size_t page = size_t(sysconf(_SC_PAGESIZE));
      char* mapped = (char*)mmap(nullptr, page + STACK_BYTES, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (mapped == (char*)MAP_FAILED) __builtin_trap();
      mprotect(mapped, page, PROT_NONE);
      stack = mapped + page;
      bottom = stack;
      bytes = STACK_BYTES;
    }
    if (__asan_unpoison_memory_region) __asan_unpoison_memory_region(stack, bytes);  // a stopped kernel left frames
    fake_stack = nullptr;
    context.prepare(stack, bytes, entry);
  }
};

inline bool thread_sanitizer() { return __tsan_switch_to_fiber != nullptr; }

inline void switch_strand(Strand& from, Strand& to, bool for_good) {
  const bool address = __sanitizer_start_switch_fiber && !thread_sanitizer();
  if (address) __sanitizer_start_switch_fiber(for_good ? nullptr : &from.fake_stack, to.bottom, to.bytes);
  if (thread_sanitizer()) __tsan_switch_to_fiber(to.tsan, 1);  // 1: the switch itself orders nothing
  from.context.switch_to(to.context);
  if (address) __sanitizer_finish_switch_fiber(from.fake_stack, nullptr, nullptr);
}

}  // namespace emulation
