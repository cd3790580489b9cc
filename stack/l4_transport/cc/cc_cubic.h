/*
 * cc_cubic.h - the arithmetic of CUBIC, for its tests.
 */
#ifndef STACKD_CC_CUBIC_H
#define STACKD_CC_CUBIC_H

#include "l4_transport/cc/cc.h"

/** cubic_root - the largest whole number whose cube is not above @x. */
uint32_t cubic_root(uint64_t x);

/** cubic_k - K = cbrt(distance / C) (RFC 9438 figure 2), in units of 2^-14 s.
 * @distance: W_max - cwnd_epoch in bytes */
uint32_t cubic_k(uint32_t distance, uint32_t mss);

/** cubic_window - W_cubic(t) in bytes (RFC 9438 figure 1). @k: of cubic_k(); @t: since the epoch */
uint32_t cubic_window(uint32_t w_max, uint32_t k, uint32_t mss, net_time t);

#endif
