/* From an int32 accumulator to int8: multiply by a constant below 1, round, add the zero point,
 * clamp. The runtimes round in different ways; each is one function here.
 *
 * The rounding families are named in wk_layer.h.
 *
 * multiplier, shift: the factor is multiplier * 2^-(31 + shift) with multiplier in [2^30, 2^31), so
 * shift > 0 divides after the multiplication and shift < 0 multiplies before it; a factor that
 * vanishes has multiplier 0 and shift 0. For wk_round_single the factor is a float64: its
 * significand has 22 bits more, which are `fraction`. For wk_round_float multiplier is the 24-bit
 * significand of the float32 factor and the factor is multiplier * 2^-shift.
 */
#ifndef WK_REQUANTIZE_H
#define WK_REQUANTIZE_H

#include <stdint.h>

#include "wk/wk_engine_config.h"
#include "wk/wk_layer.h"

/* C99 leaves the right shift of a negative number to the compiler; this engine needs the sign. */
typedef char wk_right_shift_keeps_the_sign[(-3 >> 1) == -2 ? 1 : -1];

/* (value * multiplier + 2^30) >> 31. With DSP instructions |value| must be below 2^30. */
static inline int32_t wk_high_product(int32_t value, int32_t multiplier)
{
#if defined(WK_TARGET_DSP)
    int32_t high;

    __asm__("smmulr %0, %1, %2" : "=r"(high) : "r"(value * 2), "r"(multiplier));
    return high;
#else
    return (int32_t)(((int64_t)value * multiplier + ((int64_t)1 << 30)) >> 31);
#endif
}

static inline int32_t wk_round_twice(int32_t value, int32_t multiplier, int32_t shift, int ties_up)
{
    int32_t high;
    int32_t rest;
    int32_t half;

    if (shift < 0) {
        value *= (int32_t)1 << -shift;
    }
    high = (int32_t)(((int64_t)value * multiplier + ((int64_t)1 << 30)) >> 31);
    if (shift <= 0) {
        return high;
    }
    rest = high & (int32_t)(((uint32_t)1 << shift) - 1u);
    half = (int32_t)((uint32_t)1 << (shift - 1));
    return (high >> shift) + (rest >= half + (!ties_up && high < 0));
}

static inline int32_t wk_round_once(int32_t value, int32_t multiplier, int32_t shift)
{
    return (int32_t)(((int64_t)value * multiplier + ((int64_t)1 << (30 + shift))) >> (31 + shift));
}

/* value / 2^shift to the nearest integer, ties to even. */
static inline uint64_t wk_halve_even(uint64_t value, int32_t shift)
{
    uint64_t rest;
    uint64_t half;

    if (shift <= 0) {
        return value << -shift;
    }
    if (shift > 62) {
        return 0;
    }
    rest = value & (((uint64_t)1 << shift) - 1u);
    half = (uint64_t)1 << (shift - 1);
    value >>= shift;
    return value + (rest > half || (rest == half && (value & 1u) != 0));
}

/* What float64 arithmetic gives, in integers: the product has at most 84 bits, its rounding to the
 * 53 of a double comes first. */
static inline int32_t wk_round_single(int32_t value, int32_t multiplier, int32_t fraction,
                                      int32_t shift)
{
    const uint64_t significand = ((uint64_t)(uint32_t)multiplier << 22) | (uint32_t)fraction;
    const uint64_t size = value < 0 ? (uint64_t)-(int64_t)value : (uint64_t)value;
    const uint64_t lower = size * (significand & 0xFFFFFFFFu);
    const uint64_t upper = size * (significand >> 32) + (lower >> 32);
    uint64_t high = upper >> 32;
    uint64_t low = (upper << 32) | (lower & 0xFFFFFFFFu);
    int sticky = 0;

    shift += 53;
    while (high != 0 || (low >> 54) != 0) {
        sticky |= (int)(low & 1u);
        low = (low >> 1) | (high << 63);
        high >>= 1;
        shift--;
    }
    if ((low >> 53) != 0) {
        const int half = (int)(low & 1u);

        low >>= 1;
        low += half && (sticky || (low & 1u) != 0);
        shift--;
    }
    low = shift > 63 ? 0 : (low + ((uint64_t)1 << (shift - 1))) >> shift;
    low = low > 512u ? 512u : low; /* past every int8 */
    return value < 0 ? -(int32_t)low : (int32_t)low;
}

/* `value` to the 24 bits of a float32, ties to even; out_shift is how many bits are gone. */
static inline uint64_t wk_float32_bits(uint64_t value, int32_t *out_shift)
{
    *out_shift = 0;
    while ((value >> *out_shift) >= ((uint64_t)1 << 24)) {
        ++*out_shift;
    }
    return wk_halve_even(value, *out_shift);
}

/* What float32 arithmetic gives, in integers: the accumulator becomes a float, the product of 48
 * bits becomes one, and that is rounded to an integer. */
static inline int32_t wk_round_float(int32_t value, int32_t multiplier, int32_t shift)
{
    uint64_t size = value < 0 ? (uint64_t)-(int64_t)value : (uint64_t)value;
    int32_t gone;

    size = wk_float32_bits(size, &gone);
    shift -= gone;
    size = wk_float32_bits(size * (uint32_t)multiplier, &gone);
    shift -= gone;
    if (shift < -16 || wk_halve_even(size, shift) > 512u) {
        size = 512u; /* past every int8 */
    } else {
        size = wk_halve_even(size, shift);
    }
    return value < 0 ? -(int32_t)size : (int32_t)size;
}

static inline int32_t wk_round_channel(int32_t sum, const wk_channel_t *channel)
{
#if WK_DENSE_ROUNDING == WK_ROUND_SINGLE
    return wk_round_single(sum, channel->multiplier, channel->fraction, channel->shift);
#else
    return wk_round_single(sum, channel->multiplier, 0, channel->shift);
#endif
}

static inline int8_t wk_saturate(int32_t value)
{
#if defined(WK_TARGET_DSP)
    __asm__("ssat %0, #8, %0" : "+r"(value));
    return (int8_t)value;
#else
    return (int8_t)(value < -128 ? -128 : value > 127 ? 127 : value);
#endif
}

/* One output. rounding is a WK_ROUND_* constant, so that only one branch is compiled. */
static inline int8_t wk_requantize(int32_t sum, const wk_channel_t *channel,
                                   const wk_outputs_t *outputs, int rounding)
{
    const int32_t shift = channel->shift;
    int32_t value;

    if (WK_SMALL_SHIFTS && rounding <= WK_ROUND_UP) {
        /* The zero point and the half for rounding join in one addition:
         * (2 * zero_point + 1) * 2^(shift - 1). */
        const uint32_t offset = (uint32_t)(2 * outputs->zero_point + 1) << shift;

        value = wk_high_product(sum, channel->multiplier);
        if (rounding == WK_ROUND_AWAY) {
            value += value >> 31;
        }
        return wk_saturate((value + ((int32_t)offset >> 1)) >> shift);
    }
    if (rounding == WK_ROUND_FLOAT) {
        value = wk_round_float(sum, channel->multiplier, shift);
    } else if (rounding == WK_ROUND_SINGLE) {
        value = wk_round_channel(sum, channel);
    } else {
        value = wk_round_twice(sum, channel->multiplier, shift, rounding == WK_ROUND_UP);
    }
    value = value < -512 ? -512 : value > 512 ? 512 : value; /* so that the sum cannot overflow */
    value += outputs->zero_point;
    value = value < outputs->low ? outputs->low : value;
    return (int8_t)(value > outputs->high ? outputs->high : value);
}

#endif
