/* Shared by the files that surround a model under test. */
#ifndef WKHARNESS_H
#define WKHARNESS_H

#include <stddef.h>
#include <stdint.h>

#include "wk_model.h"

#define WK_ALIGNED __attribute__((aligned(16)))

extern uint8_t wkharness_arena[WK_ARENA_BYTES];
extern int8_t wkharness_input[WK_INPUT_LEN];
extern int8_t wkharness_logits[WK_OUTPUT_LEN];

/* One semihosting request: the operation number and a pointer to its words. Defined per core. */
intptr_t wkharness_host(int operation, const void *words);

int wkharness_main(void);

#endif
