/* Does the C of a bundle compute here what was promised? On any computer or board with stdio:
 *
 *     cc -IBUNDLE/c BUNDLE/c/wk_*.c check_golden.c && ./a.out
 *
 * Runs every golden window, compares every logit, and exits with 1 when one differs. */
#include <stdio.h>

#include "wk_golden_model.h"
#include "wk_model.h"

static union {
    int8_t bytes[WK_ARENA_BYTES];
    int32_t aligned; /* the arena starts at a multiple of 4 */
} arena;

int main(void)
{
    int8_t window[WK_INPUT_LEN];
    int8_t logits[WK_OUTPUT_LEN];
    long differing = 0;
    long at;
    int number;

    for (number = 0; number < WK_GOLDEN_WINDOWS; number++) {
        for (at = 0; at < WK_INPUT_LEN; at++) {
            window[at] = WK_FLASH_I8(&wk_golden_window_inputs[number * (long)WK_INPUT_LEN + at]);
        }
        if (wk_model_run(arena.bytes, sizeof arena.bytes, window, logits) != WK_OK) {
            puts("wk_model_run refused the arena");
            return 1;
        }
        for (at = 0; at < WK_OUTPUT_LEN; at++) {
            const int8_t wanted = WK_FLASH_I8(&wk_golden_logits[number * (long)WK_OUTPUT_LEN + at]);

            differing += logits[at] != wanted;
        }
    }
    printf("model %.16s in C: %d golden windows, %ld of %ld logits differ\n", WK_MODEL_ID,
           WK_GOLDEN_WINDOWS, differing, (long)WK_GOLDEN_WINDOWS * WK_OUTPUT_LEN);
    return differing != 0;
}
