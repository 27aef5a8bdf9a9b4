// pic_gather.h: fields at a particle.  Yee's grid: E_c lies half-way along axis c, B_c half-way along the two others.
//
// MOMENTUM = 0  energy-conserving: S_n along nodal axes, S_{n-1} along half-way ones, so that the work of E on the particles is J·E
//          = 1  momentum-conserving: S_n along all axes, of fields averaged to the nodes
//   Source: Birdsall & Langdon (1985), sections 8-5 and 10-3.
#pragma once
#include "pic_shapes.h"
#ifndef MOMENTUM
#define MOMENTUM 0
#endif
static_assert(ORDER > 0 || MOMENTUM, "order 0 has no shape one order lower");

// Axes (a bit set) along which a component is nodal: components 0-2 are E, 3-5 B.
constexpr unsigned ALL_AXES = (1u << D) - 1;
constexpr unsigned nodal_axes(int c) {
  return MOMENTUM ? ALL_AXES : c < 3 ? ALL_AXES & ~(1u << c) : ALL_AXES & (1u << (c - 3));
}
constexpr int axes_in(unsigned m) { return int(m & 1) + int(m >> 1 & 1) + int(m >> 2 & 1); }

// Σ S S S f over the neighbourhood of a bin; f: the value at the bin's own index.
template <unsigned NODAL, class T> DEV T gathered(const real* f, const long long* stride, const T (*S)[ORDER + 1], const T (*L)[ORDER + 1]) {
  constexpr int n0 = NODAL & 1 ? ORDER + 1 : ORDER, n1 = D < 2 ? 1 : NODAL & 2 ? ORDER + 1 : ORDER;
  constexpr int n2 = D < 3 ? 1 : NODAL & 4 ? ORDER + 1 : ORDER;
  T x{};
  UNROLL(4) for (int i = 0; i < n0; i++) {
    T y{};
    if constexpr (D == 1) y = y + f[i + FIRST];
    else UNROLL(4) for (int j = 0; j < n1; j++) {
      T z{};
      const real* p = f + (i + FIRST) * stride[0] + (j + FIRST) * stride[1];
      if constexpr (D == 2) z = z + p[0];
      else UNROLL(4) for (int k = 0; k < n2; k++) z = z + (NODAL & 4 ? S : L)[2][k] * p[k + FIRST];
      y = y + (NODAL & 2 ? S : L)[1][j] * z;
    }
    x = x + (NODAL & 1 ? S : L)[0][i] * y;
  }
  return x;
}
// All components at s: e and b, times `scale`.  field: component 0 of E (or B) at the bin's own index; component: between components.
template <bool MAGNETIC, class T>
DEV void gather_stencil(const real* E, const real* B, long long component, const long long* stride, const T* s, real scale, T* e, T* b) {
  T S[D][ORDER + 1], L[D][ORDER + 1];
  UNROLL(3) for (int a = 0; a < D; a++) {
    shape<ORDER>(s[a], S[a]);
    if constexpr (!MOMENTUM) shape<ORDER - 1>(s[a], L[a]);
  }
  e[0] = scale * gathered<nodal_axes(0)>(E, stride, S, L);
  e[1] = scale * gathered<nodal_axes(1)>(E + component, stride, S, L);
  e[2] = scale * gathered<nodal_axes(2)>(E + 2 * component, stride, S, L);
  if constexpr (MAGNETIC) {
    b[0] = scale * gathered<nodal_axes(3)>(B, stride, S, L);
    b[1] = scale * gathered<nodal_axes(4)>(B + component, stride, S, L);
    b[2] = scale * gathered<nodal_axes(5)>(B + 2 * component, stride, S, L);
  }
}

#ifndef HPC_CUDA
// ---- linear shapes: a multilinear form per bin, made for a row of bins at once -------------------------------------------
constexpr int forms_before(int c) {
  int n = 0;
  for (int b = 0; b < c; b++) n += 1 << axes_in(nodal_axes(b));
  return n;
}
constexpr int FORMS = forms_before(6);
struct RowForms {
  alignas(64) real c[FORMS][LANES_];
};
template <int C> DEV void make_form(const real* f, const long long* stride, real scale, unsigned live, RowForms& forms) {
  constexpr unsigned axes = nodal_axes(C);
  constexpr int n = 1 << axes_in(axes);
  vec v[n];
  UNROLL(8) for (int k = 0; k < n; k++) {
    long long at = 0;
    int bit = 0;
    for (int a = 0; a < D; a++)
      if (axes >> a & 1) at += (k >> bit++ & 1) * stride[a];
    v[k] = load_lanes(f + at, live);
  }
  UNROLL(4) for (int step = 1; step < n; step *= 2)
    UNROLL(8) for (int k = 0; k < n; k++)
      if (!(k & step)) {
        const vec low = v[k], high = v[k + step];
        v[k] = real(0.5) * (low + high), v[k + step] = high - low;
      }
  UNROLL(8) for (int k = 0; k < n; k++) store_all(forms.c[forms_before(C) + k], scale * v[k]);
}
template <int C> DEV vec value_of(const RowForms& forms, int lane, const vec* s) {
  constexpr unsigned axes = nodal_axes(C);
  constexpr int n = 1 << axes_in(axes), first = forms_before(C);
  if constexpr (n == 1) return splat(forms.c[first][lane]);
  else {
    constexpr int a0 = axes & 1 ? 0 : axes & 2 ? 1 : 2, a1 = axes >> (a0 + 1) & 1 ? a0 + 1 : 2;
    const auto pair = [&](int k) { return forms.c[first + k][lane] + s[a0] * forms.c[first + k + 1][lane]; };
    if constexpr (n == 2) return pair(0);
    else if constexpr (n == 4) return pair(0) + s[a1] * pair(2);
    else return (pair(0) + s[1] * pair(2)) + s[2] * (pair(4) + s[1] * pair(6));
  }
}
// E and B at the index of the row's first bin.
template <bool MAGNETIC> DEV void make_forms(const real* E, const real* B, long long component, const long long* stride, real scale, unsigned live, RowForms& forms) {
  make_form<0>(E, stride, scale, live, forms), make_form<1>(E + component, stride, scale, live, forms);
  make_form<2>(E + 2 * component, stride, scale, live, forms);
  if constexpr (MAGNETIC) {
    make_form<3>(B, stride, scale, live, forms), make_form<4>(B + component, stride, scale, live, forms);
    make_form<5>(B + 2 * component, stride, scale, live, forms);
  }
}
template <bool MAGNETIC> DEV void gather_forms(const RowForms& forms, int lane, const vec* s, vec* e, vec* b) {
  e[0] = value_of<0>(forms, lane, s), e[1] = value_of<1>(forms, lane, s), e[2] = value_of<2>(forms, lane, s);
  if constexpr (MAGNETIC) b[0] = value_of<3>(forms, lane, s), b[1] = value_of<4>(forms, lane, s), b[2] = value_of<5>(forms, lane, s);
}
#endif
