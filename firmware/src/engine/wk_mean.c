#include "wk/wk_mean.h"

#include "wk/wk_target.h"

#if !defined(WK_TARGET_MVE)

#include <string.h>

#if defined(WK_TARGET_DSP)

/* sums += or -= values, by `add` sadd16 or ssub16, for four channels, two in a word. */
#define WK_ADD_FOUR(add, sums, values)                                      \
    do {                                                                    \
        int32_t even;                                                       \
        int32_t odd;                                                        \
        int32_t first;                                                      \
        int32_t second;                                                     \
                                                                            \
        __asm__ volatile("ldr    %[even], [%[from]]                 \n"     \
                         "ldrd   %[first], %[second], [%[to]]       \n"     \
                         "sxtb16 %[odd], %[even], ror #8            \n"     \
                         "sxtb16 %[even], %[even]                   \n"     \
                         "pkhbt  r12, %[even], %[odd], lsl #16      \n"     \
                         "pkhtb  %[odd], %[odd], %[even], asr #16   \n"     \
                         add "   %[first], %[first], r12            \n"     \
                         add "   %[second], %[second], %[odd]       \n"     \
                         "strd   %[first], %[second], [%[to]]       \n"     \
                         : [even] "=&r"(even), [odd] "=&r"(odd),             \
                           [first] "=&r"(first), [second] "=&r"(second)      \
                         : [from] "r"(values), [to] "r"(sums)                \
                         : "r12", "memory");                                 \
    } while (0)

static inline void add_four(int16_t *sums, const int8_t *values)
{
    WK_ADD_FOUR("sadd16", sums, values);
}

static inline void take_four(int16_t *sums, const int8_t *values)
{
    WK_ADD_FOUR("ssub16", sums, values);
}

#else

static inline void add_four(int16_t *sums, const int8_t *values)
{
    uint8_t i;

    for (i = 0; i < 4; i++) {
        sums[i] = (int16_t)(sums[i] + values[i]);
    }
}

static inline void take_four(int16_t *sums, const int8_t *values)
{
    uint8_t i;

    for (i = 0; i < 4; i++) {
        sums[i] = (int16_t)(sums[i] - values[i]);
    }
}

#endif

void wk_mean_add(int16_t *sums, const int8_t *column, uint16_t channels)
{
    for (; channels >= 4; channels = (uint16_t)(channels - 4)) {
        add_four(sums, column);
        sums += 4;
        column += 4;
    }
    while (channels-- > 0) {
        *sums = (int16_t)(*sums + *column++);
        sums++;
    }
}

void wk_mean_replace(int16_t *sums, int8_t *oldest, const int8_t *column, uint16_t channels)
{
    for (; channels >= 4; channels = (uint16_t)(channels - 4)) {
        add_four(sums, column);
        take_four(sums, oldest);
        memcpy(oldest, column, 4);
        sums += 4;
        column += 4;
        oldest += 4;
    }
    while (channels-- > 0) {
        *sums = (int16_t)(*sums + *column - *oldest);
        *oldest++ = *column++;
        sums++;
    }
}

void wk_mean_of(const int16_t *sums, uint16_t steps, uint16_t channels, int8_t *out)
{
    const uint32_t reciprocal = wk_mean_reciprocal(steps);
    const int32_t offset = 128 * (int32_t)steps + steps / 2;

    while (channels-- > 0) {
        const uint64_t mean = (uint64_t)(uint32_t)(*sums++ + offset) * reciprocal;

        *out++ = (int8_t)((int32_t)(mean >> 32) - 128);
    }
}

void wk_forget(int8_t *buffer, uint16_t dropped, uint16_t kept)
{
    const int8_t *from = buffer + dropped;

    if (dropped >= 4) {
        for (; kept >= 4; kept = (uint16_t)(kept - 4)) {
            memcpy(buffer, from, 4);
            buffer += 4;
            from += 4;
        }
    }
    while (kept-- > 0) {
        *buffer++ = *from++;
    }
}

#else
typedef int wk_mean_is_not_built;
#endif
