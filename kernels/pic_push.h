// pic_push.h: momenta in given fields, u = γ v:  du/dt = (q/m)(E + v × B), one step.
//
// PUSHER 0  Boris (1970): half a kick, rotation by 2 atan(|τ|/γ) about B, half a kick
//        1  Vay (2008), Phys. Plasmas 15, 056701, eqs. 9-12: no force where E + v × B = 0
//        2  Higuera & Cary (2017), Phys. Plasmas 24, 052104, eqs. 18-20: the same, and volume in phase space is kept
#pragma once
#include "pic_shapes.h"
#ifndef PUSHER
#define PUSHER 0
#endif
#ifndef RELATIVISTIC
#define RELATIVISTIC 1
#endif

#ifdef HPC_CUDA
DEV real reciprocal(real x) { return real(1) / x; }
DEV real reciprocal_root(real x) { return real(1) / square_root(x); }
DEV real root(real x) { return square_root(x); }
#endif
template <class T> DEV T dot3(const T* a, const T* b) { return a[0] * b[0] + (a[1] * b[1] + a[2] * b[2]); }
template <class T> DEV void add_cross(T* r, const T* a, const T* b) {
  r[0] = r[0] + (a[1] * b[2] - a[2] * b[1]), r[1] = r[1] + (a[2] * b[0] - a[0] * b[2]), r[2] = r[2] + (a[0] * b[1] - a[1] * b[0]);
}
// 1/γ;  c2 = 1/c².
template <class T> DEV T inverse_gamma(const T* u, real c2) {
  if constexpr (RELATIVISTIC) return reciprocal_root(real(1) + c2 * dot3(u, u));
  else return T{} + real(1);
}
// e = (q dt/2m) E, b = (q dt/2m) B: u(n-1/2) → u(n+1/2).
template <class T> DEV void push(T* u, const T* e, const T* b, real c2) {
  if constexpr (PUSHER == 0 || !RELATIVISTIC) {
    T t[3], w[3];
    UNROLL(3) for (int c = 0; c < 3; c++) u[c] = u[c] + e[c];
    const T g = inverse_gamma(u, c2);
    UNROLL(3) for (int c = 0; c < 3; c++) t[c] = g * b[c], w[c] = u[c];
    add_cross(w, u, t);
    const T s = real(2) * reciprocal(real(1) + dot3(t, t));
    UNROLL(3) for (int c = 0; c < 3; c++) t[c] = s * t[c];
    add_cross(u, w, t);
    UNROLL(3) for (int c = 0; c < 3; c++) u[c] = u[c] + e[c];
  } else {
    T w[3], t[3];
    if constexpr (PUSHER == 1) {
      const T g = inverse_gamma(u, c2);
      UNROLL(3) for (int c = 0; c < 3; c++) t[c] = g * b[c], w[c] = u[c] + real(2) * e[c];
      add_cross(w, u, t);
    } else {
      UNROLL(3) for (int c = 0; c < 3; c++) w[c] = u[c] + e[c];
    }
    // γ² = (σ + √(σ² + 4(τ² + (w·τ)²/c²)))/2,  σ = 1 + w²/c² - τ²
    const T tau2 = dot3(b, b), along = dot3(w, b), sigma = real(1) + c2 * dot3(w, w) - tau2;
    const T gamma2 = real(0.5) * (sigma + root(sigma * sigma + real(4) * (tau2 + c2 * along * along)));
    const T g = reciprocal_root(gamma2);
    UNROLL(3) for (int c = 0; c < 3; c++) t[c] = g * b[c], u[c] = w[c];
    const T s = reciprocal(real(1) + dot3(t, t)), wt = dot3(w, t);
    add_cross(u, w, t);
    UNROLL(3) for (int c = 0; c < 3; c++) u[c] = s * (u[c] + wt * t[c]);
    if constexpr (PUSHER == 2) {
      T v[3] = {u[0] + e[0], u[1] + e[1], u[2] + e[2]};
      add_cross(v, u, t);
      UNROLL(3) for (int c = 0; c < 3; c++) u[c] = v[c];
    }
  }
}
