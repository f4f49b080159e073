/* The window grid: window k is the samples hop * k to hop * k + length - 1, and nothing else.
 *
 * Samples carry their index. When one is missing, every window that would hold it is left out, and
 * the next one on the same grid is the next to come: a gap is never closed.
 */
#ifndef WK_WINDOW_H
#define WK_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "wk/wk_platform.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifndef WK_WINDOW_MAX
#define WK_WINDOW_MAX 100 /* samples of the longest window */
#endif

typedef enum {
    WK_WINDOW_SKIPPED = 0, /* the sample is in no window: it came before the next start */
    WK_WINDOW_STARTED,     /* it is the first of a window that shares nothing with the one before */
    WK_WINDOW_HELD,        /* the window is growing */
    WK_WINDOW_FULL         /* it completed the window: use counts and first_index now */
} wk_window_status_t;

/* Caller-owned, written by wk_window_begin. counts and first_index may be read; the rest is the
 * grid's own. */
typedef struct {
    int16_t counts[WK_WINDOW_MAX][3];
    uint32_t first_index;
    uint16_t length;
    uint16_t hop;
    uint16_t held;
} wk_window_t;

/* False when length is 0 or above WK_WINDOW_MAX, or hop is 0 or above length. */
WK_MUST_CHECK bool wk_window_begin(wk_window_t *out_window, uint16_t length, uint16_t hop);

/* Take the sample of that index. Indices grow; one that was seen already begins everything anew.
 * After WK_WINDOW_FULL the window stays until the next push. */
wk_window_status_t wk_window_push(wk_window_t *window, uint32_t index, const int16_t counts[3]);

#ifdef __cplusplus
}
#endif

#endif
