#include "wk/wk_target.h"

#if defined(WK_TARGET_DSP)

#include "wk/wk_conv1d.h"
#include "wk/wk_requantize.h"
#include "wk_wide.h"

#define WK_TEXT_OF(value) #value
#define WK_TEXT(value) WK_TEXT_OF(value)

/* Both functions keep on the stack: 0 zero_point2, 4 channels, 8 out, 12 channel_pairs, 16 count.
 * Registers: r0 weights, r1 and r2 the two windows, r4-r7 the sums of channel 0 and channel 1. */
#define WK_ENTER                             \
        "push    {r4-r11, lr}                \n" \
        "ldm     r0, {r4, r5, r6, r8, r9, r10} \n" \
        "mov     r7, r2                      \n" \
        "push    {r5-r9}                     \n" \
        "mov     r0, r4                      \n" \
        "add     r2, r1, r10                 \n"

#define WK_CLEAR                             \
        "mov     r4, #0                      \n" \
        "mov     r5, #0                      \n" \
        "mov     r6, #0                      \n" \
        "mov     r7, #0                      \n"

#if WK_CONV_ROUNDING == WK_ROUND_AWAY
#define WK_TIES_AWAY                         \
        "add     r4, r4, r4, asr #31         \n" \
        "add     r6, r6, r6, asr #31         \n"
#else
#define WK_TIES_AWAY
#endif

/* wk_requantize with WK_SMALL_SHIFTS, of the larger sum of both channels; then the next pair of
 * channels, which starts at label 2. `scale` undoes the factor of the sums. */
#define WK_FINISH(scale)                     \
        "cmp     r4, r5                      \n" \
        "it      lt                          \n" \
        "movlt   r4, r5                      \n" \
        "cmp     r6, r7                      \n" \
        "it      lt                          \n" \
        "movlt   r6, r7                      \n" \
        "ldm     sp, {r3, r5, r7}            \n" \
        "ldm     r5!, {r8-r12, lr}           \n" /* bias, multiplier, shift of each */ \
        "add     r4, r8, r4" scale "         \n" \
        "add     r6, r11, r6" scale "        \n" \
        "lsl     r4, r4, #1                  \n" \
        "lsl     r6, r6, #1                  \n" \
        "smmulr  r4, r4, r9                  \n" \
        "smmulr  r6, r6, r12                 \n" \
        WK_TIES_AWAY                         \
        "lsl     r8, r3, r10                 \n" \
        "lsl     r9, r3, lr                  \n" \
        "add     r4, r4, r8, asr #1          \n" \
        "add     r6, r6, r9, asr #1          \n" \
        "asr     r4, r4, r10                 \n" \
        "asr     r6, r6, lr                  \n" \
        "ssat    r4, #8, r4                  \n" \
        "ssat    r6, #8, r6                  \n" \
        "bfi     r4, r6, #8, #8              \n" \
        "strh    r4, [r7], #2                \n" \
        "strd    r5, r7, [sp, #4]            \n" \
        "ldr     r3, [sp, #12]               \n" \
        "subs    r3, #1                      \n" \
        "str     r3, [sp, #12]               \n" \
        "bne     2b                          \n"

#define WK_LEAVE                             \
        "add     sp, #20                     \n" \
        "pop     {r4-r11, pc}                \n"

#define WK_STEP                              \
        "ldrd    r8, r9, [r0], #8            \n" \
        "ldrd    r12, lr, [r1], #8           \n" \
        "sxtb16  r10, r8                     \n" \
        "sxtb16  r11, r9                     \n" \
        "smlad   r4, r10, r12, r4            \n" \
        "smlad   r6, r11, r12, r6            \n" \
        "smlad   r4, r8, lr, r4              \n" \
        "smlad   r6, r9, lr, r6              \n" \
        "ldrd    r12, lr, [r2], #8           \n" \
        "smlad   r5, r10, r12, r5            \n" \
        "smlad   r7, r11, r12, r7            \n" \
        "smlad   r5, r8, lr, r5              \n" \
        "smlad   r7, r9, lr, r7              \n"

WK_ASSEMBLY(wk_wide_tiles_max2,
    WK_ENTER
    "2:                                  \n"
    "ldr     r3, [sp, #16]               \n"
    WK_CLEAR
    "1:                                  \n"
    WK_STEP WK_STEP WK_STEP WK_STEP
    "subs    r3, #1                      \n"
    "bne     1b                          \n"
    "ldr     r3, [sp, #16]               \n"
    "sub     r1, r1, r3, lsl #5          \n"
    "sub     r2, r2, r3, lsl #5          \n"
    WK_FINISH(", asr #8")
    WK_LEAVE);

#define WK_TAP_STEP                          \
        "ldrd    r8, r9, [r0], #8            \n" \
        "ldr     r10, [r1], #4               \n" \
        "ldr     r11, [r2], #4               \n" \
        "smlad   r4, r8, r10, r4             \n" \
        "smlad   r6, r9, r10, r6             \n" \
        "smlad   r5, r8, r11, r5             \n" \
        "smlad   r7, r9, r11, r7             \n"

/* A model with one such layer tells its size, and the loop over the taps is written out. */
#if WK_TAP_PAIRS > 0
#define WK_TAP_STEPS ".rept " WK_TEXT(WK_TAP_PAIRS) "\n" WK_TAP_STEP ".endr\n"
#else
#define WK_TAP_STEPS                         \
        "ldr     r3, [sp, #16]               \n" \
        "1:                                  \n" \
        WK_TAP_STEP                          \
        "subs    r3, #1                      \n" \
        "bne     1b                          \n"
#endif

WK_ASSEMBLY(wk_wide_taps_max2,
    WK_ENTER
    "2:                                  \n"
    WK_CLEAR
    WK_TAP_STEPS
    "ldr     r3, [sp, #16]               \n"
    "sub     r1, r1, r3, lsl #2          \n"
    "sub     r2, r2, r3, lsl #2          \n"
    WK_FINISH("")
    WK_LEAVE);

static wk_wide_layer_t wide_layer(const wk_conv1d_t *layer, const void *weights, uint32_t count)
{
    wk_wide_layer_t wide;

    wide.weights = weights;
    wide.zero_point2 = 2 * layer->outputs.zero_point + 1;
    wide.channels = layer->outputs.channels;
    wide.channel_pairs = layer->outputs.count / 2u;
    wide.count = count;
    wide.step = 2u * layer->step;
    return wide;
}

void wk_conv1d_tiles_max2(const wk_conv1d_t *layer, const int8_t *in, uint16_t steps, int8_t *out,
                          void *scratch)
{
    const wk_wide_layer_t wide = wide_layer(layer, layer->tiles, WK_TILES(layer->window));
    int32_t *const x = (int32_t *)scratch;

    for (; steps > 0; steps--) {
        wk_wide_inputs(in, ((uint32_t)layer->step + layer->window) / 4u, x);
        wk_wide_tiles_max2(&wide, x, out);
        in += layer->pool_stride * layer->step;
        out += layer->outputs.count;
    }
}

void wk_conv1d_taps_max2(const wk_conv1d_t *layer, const int8_t *in, uint16_t steps, int8_t *out,
                         void *scratch)
{
    const wk_wide_layer_t wide = wide_layer(layer, layer->taps, WK_TAP_PAIRS_OF(layer->window));
    const uint32_t hop = (uint32_t)layer->pool_stride * layer->step;
    int16_t *x = (int16_t *)scratch;

    wk_wide_samples(in, (steps - 1u) * hop + layer->step + layer->window, x);
    for (; steps > 0; steps--) {
        wk_wide_taps_max2(&wide, x, out);
        x += hop;
        out += layer->outputs.count;
    }
}

#else
typedef int wk_conv1d_max2_dsp_is_not_built;
#endif
