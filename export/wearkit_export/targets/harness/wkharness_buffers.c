/* The memory a caller of the model provides. Its symbol sizes are what the RAM report reads. */
#include "wkharness.h"

#define WK_ALIGNED __attribute__((aligned(16)))

WK_ALIGNED uint8_t wkharness_arena[WKHARNESS_ARENA_BYTES];
WK_ALIGNED int8_t wkharness_input[WKHARNESS_INPUT_BYTES];
WK_ALIGNED int8_t wkharness_logits[WK_OUTPUT_LEN];
