// offered.h: functions that a native loop calls by their addresses (native_calls.h), with their arguments in a list of words.
//
// OFFERED(name) exports name_offered(words) for a KERNEL or HOST function `name`: one word of eight bytes for each argument, an
// address, a whole number, or a double (of which a float parameter gets the nearest).  A kernel returns 0.
#pragma once
#include <string.h>
#include <type_traits>
#include <utility>

template <class T> static inline T argument_of(long long word) {
  if constexpr (std::is_pointer<T>::value) return (T)word;
  else if constexpr (std::is_floating_point<T>::value) {
    double number;
    memcpy(&number, &word, sizeof number);
    return T(number);
  } else return T(word);
}
template <class R, class... A, size_t... K>
static inline long long call_with(R (*function)(A...), const long long* words, std::index_sequence<K...>) {
  if constexpr (std::is_void<R>::value) {
    function(argument_of<A>(words[K])...);
    return 0;
  } else {
    return function(argument_of<A>(words[K])...);
  }
}
template <class R, class... A> static inline long long call_by_words(R (*function)(A...), const long long* words) {
  return call_with(function, words, std::index_sequence_for<A...>{});
}
#define OFFERED(name) \
  extern "C" long long name##_offered(const long long* words) { return call_by_words(name, words); }
