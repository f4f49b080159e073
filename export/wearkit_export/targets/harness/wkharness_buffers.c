/* The memory a caller of the model provides. Its symbol sizes are what the RAM report reads. */
#include "wkharness.h"

WK_ALIGNED uint8_t wkharness_arena[WK_ARENA_BYTES];
WK_ALIGNED int8_t wkharness_input[WK_INPUT_LEN];
WK_ALIGNED int8_t wkharness_logits[WK_OUTPUT_LEN];
