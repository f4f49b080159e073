/* Pools over time that no convolution takes along. Steps outside the input take no part. */
#ifndef WK_POOL1D_H
#define WK_POOL1D_H

#include <stdint.h>

typedef struct {
    uint16_t channels;
    uint16_t size;
    uint16_t stride;
    uint16_t pad_before;
} wk_pool1d_t;

/* Write `steps` outputs of every channel from in_steps steps; out may not overlap in. */
void wk_max_pool1d(const wk_pool1d_t *pool, const int8_t *in, uint16_t in_steps, uint16_t steps,
                   int8_t *out);

/* The mean to the nearest integer, ties away from zero. */
void wk_average_pool1d(const wk_pool1d_t *pool, const int8_t *in, uint16_t in_steps,
                       uint16_t steps, int8_t *out);

#endif
