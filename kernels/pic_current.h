// pic_current.h: the module of electromagnetic steps of pic_particles.h's engines: their currents.
//
// Defines: those of pic_particles.h, and MOMENTUM (gather), PUSHER, RELATIVISTIC, DIRECT.
#pragma once
#include "pic_sweep.h"
#ifndef HPC_CUDA

// u(n-1/2) → u(n+1/2), x(n) → x(n+1), J(n+1/2) added.  1 if a particle would move farther than `reach` bins.
HOST(pic_advance)(long long handle, const real* E, const real* B, real* J, double dt) {
  PicEngine& g = *(PicEngine*)handle;
  more_threads(g);
  sweep<CURRENT, true>(g, step_of(g, E, B, J, dt));
  collect_outgoing(g);
  return g.fault.found;
}
HOST(pic_kick)(long long handle, const real* E, const real* B, double dt) {
  PicEngine& g = *(PicEngine*)handle;
  more_threads(g);
  settle(g);
  kick_all<true>(g, step_of(g, E, B, nullptr, dt));
  return 0;
}
#endif
