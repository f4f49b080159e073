/* Means over time as running sums: add a step when it comes, take away the one that leaves; and the
 * buffers of a stream. */
#ifndef WK_MEAN_H
#define WK_MEAN_H

#include <stdint.h>

#define WK_MEAN_STEPS_MAX 255 /* as many int8 always fit an int16 sum */

/* 2^32 / steps, rounded up. For dividends below 2^16 and steps below 2^8, but above 1, the upper
 * half of a product with it is the exact quotient, rounded down. */
static inline uint32_t wk_mean_reciprocal(uint16_t steps)
{
    return 0xFFFFFFFFu / steps + 1u;
}

/* sums[c] += column[c]. */
void wk_mean_add(int16_t *sums, const int8_t *column, uint16_t channels);

/* sums[c] += column[c] - oldest[c], then oldest[c] = column[c]. */
void wk_mean_replace(int16_t *sums, int8_t *oldest, const int8_t *column, uint16_t channels);

/* Drop the first `dropped` values of a buffer and move the `kept` that follow to its start. */
void wk_forget(int8_t *buffer, uint16_t dropped, uint16_t kept);

/* out[c] = sums[c] / steps to the nearest integer. steps lies in 3..WK_MEAN_STEPS_MAX and is odd,
 * so that there are no ties. */
void wk_mean_of(const int16_t *sums, uint16_t steps, uint16_t channels, int8_t *out);

/* A mean in one go, into another scale: (sum + sum_offset) * multiplier * 2^-(31 + shift) + offset,
 * rounded as wk_round_twice does, ties up for the first up_channels and away from zero for the
 * rest; or, if `once`, as wk_round_once does. */
typedef struct {
    int32_t multiplier;
    int32_t sum_offset;
    int16_t offset;
    int8_t shift;
    uint8_t once;
    uint16_t up_channels;
} wk_mean_t;

void wk_mean_time(const wk_mean_t *layer, const int8_t *in, uint16_t steps, uint16_t channels,
                  int8_t *out);

#endif
