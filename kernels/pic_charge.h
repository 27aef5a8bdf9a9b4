// pic_charge.h: the module of electrostatic steps of pic_particles.h's engines: their charges.
//
// Defines: those of pic_particles.h, and MOMENTUM (gather), PUSHER, RELATIVISTIC.
#pragma once
#include "pic_sweep.h"
#ifndef HPC_CUDA

static Step still_step(const PicEngine& g, const real* E, const double* still, real* rho, double dt) {
  Step p = step_of(g, E, E, rho, dt);
  for (int a = 0; a < 3; a++) p.still[a] = real(p.kick * still[a]);
  p.scale[0] = real(p.scale[0] * dt / g.spacing[0]);
  return p;
}
// u(n-1/2) → u(n+1/2) in E and a uniform magnetic field, x(n) → x(n+1); the charge at x(n+1) is added to rho.
HOST(pic_advance_electrostatic)(long long handle, const real* E, const double* still, real* rho, double dt) {
  PicEngine& g = *(PicEngine*)handle;
  more_threads(g);
  sweep<CHARGE, false>(g, still_step(g, E, still, rho, dt));
  collect_outgoing(g);
  return g.fault.found;
}
HOST(pic_kick_electrostatic)(long long handle, const real* E, const double* still, double dt) {
  PicEngine& g = *(PicEngine*)handle;
  more_threads(g);
  settle(g);
  kick_all<false>(g, still_step(g, E, still, nullptr, dt));
  return 0;
}
#endif
