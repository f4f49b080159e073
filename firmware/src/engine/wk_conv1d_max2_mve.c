#include "wk/wk_target.h"

#if defined(WK_TARGET_MVE)

#include "wk/wk_conv1d.h"
#include "wk_mve.h"

/* What the function below needs to know of a layer; it reads it by position. */
typedef struct {
    uint32_t channels[4];  /* 0: addresses of the first four, less the size of four */
    const int8_t *tiles;   /* 16 */
    uint32_t pair_bytes;   /* 20: weights of two channels */
    uint32_t step;         /* 24: bytes from the first window to the second */
    uint32_t whole;        /* 28: whole tiles of a window */
    uint32_t left;         /* 32: inputs after them */
    uint32_t quads;        /* 36: groups of four channels */
    int32_t zero_point;    /* 40 */
} mve_layer_t;

#if WK_CONV_ROUNDING == WK_ROUND_AWAY
#define WK_TIES_AWAY                             \
        "vshr.s32   q1, q0, #31              \n" \
        "vadd.i32   q0, q0, q1               \n"
#else
#define WK_TIES_AWAY
#endif

/* q4 and q5 hold 16 inputs of both windows: add their products with 16 weights of four channels. */
#define WK_PRODUCTS                              \
        "vldrb.8    q0, [r1], #16            \n" \
        "vmladava.s8 r0, q0, q4              \n" \
        "vldrb.8    q1, [r1], #16            \n" \
        "vmladava.s8 r2, q1, q4              \n" \
        "vldrb.8    q2, [r9], #16            \n" \
        "vmladava.s8 r4, q2, q4              \n" \
        "vldrb.8    q3, [r9], #16            \n" \
        "vmladava.s8 r6, q3, q4              \n" \
        "vmladava.s8 r8, q0, q5              \n" \
        "vmladava.s8 r10, q1, q5             \n" \
        "vmladava.s8 r12, q2, q5             \n" \
        "vmladava.s8 lr, q3, q5              \n"

/* One int8 output of every channel, the maximum of two windows.
 *
 * r11: layer, r1 and r9: weights of two channels each, r3 and r5: windows, r7: whatever is needed;
 * the even registers: sums of four channels with the first window, then with the second. */
void wk_mve_max2(const mve_layer_t *layer, const int8_t *x, int8_t *out);

WK_ASSEMBLY(wk_mve_max2,
    "push       {r4-r12, lr}             \n"
    "vpush      {d8-d15}                 \n"
    "mov        r11, r0                  \n"
    "mov        r3, r1                   \n"
    "ldrd       r1, r9, [r11, #16]       \n" /* tiles, pair_bytes */
    "ldrd       r5, r6, [r11, #24]       \n" /* step, whole */
    "ldr        r7, [r11, #36]           \n"
    "add        r9, r1, r9               \n"
    "add        r5, r3, r5               \n"
    "push       {r2, r7}                 \n" /* out, quads */
    "vldrw.u32  q7, [r11]                \n"
    "2:                                  \n"
    "mov        r0, #0                   \n"
    "mov        r2, #0                   \n"
    "mov        r4, #0                   \n"
    "mov        r6, #0                   \n"
    "mov        r8, #0                   \n"
    "mov        r10, #0                  \n"
    "mov        r12, #0                  \n"
    "mov        lr, #0                   \n"
    "ldr        r7, [r11, #28]           \n"
    "cbz        r7, 3f                   \n"
    "1:                                  \n"
    "vldrb.8    q4, [r3], #16            \n"
    "vldrb.8    q5, [r5], #16            \n"
    "subs       r7, #1                   \n"
    WK_PRODUCTS
    "bne        1b                       \n"
    "ldr        r7, [r11, #28]           \n"
    "sub        r3, r3, r7, lsl #4       \n"
    "sub        r5, r5, r7, lsl #4       \n"
    "3:                                  \n"
    "ldr        r7, [r11, #32]           \n"
    "cbz        r7, 4f                   \n"
    "vctp.8     r7                       \n"
    "ldr        r7, [r11, #28]           \n"
    "add        r3, r3, r7, lsl #4       \n"
    "add        r5, r5, r7, lsl #4       \n"
    "vpstt                               \n"
    "vldrbt.u8  q4, [r3]                 \n"
    "vldrbt.u8  q5, [r5]                 \n"
    "sub        r3, r3, r7, lsl #4       \n"
    "sub        r5, r5, r7, lsl #4       \n"
    WK_PRODUCTS
    "4:                                  \n"
    "vmov       q0[2], q0[0], r0, r4     \n"
    "vmov       q0[3], q0[1], r2, r6     \n"
    "vmov       q1[2], q1[0], r8, r12    \n"
    "vmov       q1[3], q1[1], r10, lr    \n"
    "vmax.s32   q0, q0, q1               \n"
    "vldrw.u32  q2, [q7, #48]!           \n" /* bias */
    "vldrw.u32  q3, [q7, #4]             \n" /* multiplier */
    "vldrw.u32  q4, [q7, #8]             \n" /* shift */
    "ldr        r4, [r11, #40]           \n"
    "vadd.i32   q0, q0, q2               \n"
    "vqrdmulh.s32 q0, q0, q3             \n"
    WK_TIES_AWAY
    "vneg.s32   q4, q4                   \n"
    "vrshl.s32  q0, q0, q4               \n"
    "vadd.i32   q0, q0, r4               \n"
    "vqmovnb.s32 q0, q0                  \n"
    "vqmovnb.s16 q0, q0                  \n"
    "ldrd       r4, r6, [sp]             \n" /* out, quads */
    "mov        r1, r9                   \n" /* the next two channels */
    "ldr        r0, [r11, #20]           \n"
    "vstrb.32   q0, [r4], #4             \n"
    "subs       r6, #1                   \n"
    "strd       r4, r6, [sp]             \n"
    "add        r9, r9, r0               \n"
    "bne        2b                       \n"
    "add        sp, #8                   \n"
    "vpop       {d8-d15}                 \n"
    "pop        {r4-r12, pc}             \n");

static void convolve(const wk_conv1d_t *layer, const int8_t *tiles, const int8_t *in,
                     uint16_t steps, int8_t *out)
{
    const uint32_t size = sizeof(wk_channel_t);
    const uint32_t first = (uint32_t)(uintptr_t)layer->outputs.channels - 4u * size;
    const mve_layer_t mve = {
        {first, first + size, first + 2u * size, first + 3u * size},
        tiles,
        WK_TILES(layer->window) * WK_TILE2_BYTES,
        layer->step,
        layer->window / 16u,
        layer->window % 16u,
        layer->outputs.count / 4u,
        layer->outputs.zero_point,
    };

    for (; steps > 0; steps--) {
        wk_mve_max2(&mve, in, out);
        in += layer->pool_stride * layer->step;
        out += layer->outputs.count;
    }
}

void wk_conv1d_tiles_max2(const wk_conv1d_t *layer, const int8_t *in, uint16_t steps, int8_t *out,
                          void *scratch)
{
    (void)scratch;
    convolve(layer, layer->tiles, in, steps, out);
}

void wk_conv1d_taps_max2(const wk_conv1d_t *layer, const int8_t *in, uint16_t steps, int8_t *out,
                         void *scratch)
{
    (void)scratch;
    convolve(layer, layer->taps, in, steps, out);
}

#else
typedef int wk_conv1d_max2_mve_is_not_built;
#endif
