/* Shared by the files that surround a model under test. */
#ifndef WKHARNESS_H
#define WKHARNESS_H

#include <stddef.h>
#include <stdint.h>

#include "wk_model.h"

/* WKHARNESS_STREAM: an input is what one push of the stream takes, not a window. */
#if defined(WKHARNESS_STREAM)
#include "wk_model_stream.h"
#define WKHARNESS_ARENA_BYTES sizeof(wk_model_stream_t)
#define WKHARNESS_INPUT_BYTES (WK_INPUT_LEN / WK_STREAM_PUSHES)
#else
#define WKHARNESS_ARENA_BYTES WK_ARENA_BYTES
#define WKHARNESS_INPUT_BYTES WK_INPUT_LEN
#endif

extern uint8_t wkharness_arena[WKHARNESS_ARENA_BYTES];
extern int8_t wkharness_input[WKHARNESS_INPUT_BYTES];
extern int8_t wkharness_logits[WK_OUTPUT_LEN];

/* One semihosting request: the operation number and a pointer to its words. Defined per core. */
intptr_t wkharness_host(int operation, const void *words);

int wkharness_main(void);

#endif
