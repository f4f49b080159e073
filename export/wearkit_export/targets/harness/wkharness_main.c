/* Reads inputs from inputs.bin, writes logits to logits.bin and the deepest stack to stack.bin,
 * all in the emulator's working directory, by Arm semihosting (RISC-V uses the same numbers).
 * A stream that has not seen a whole window yet leaves the logits as they were: 0.
 * Exits with 0, 1 (files), or 100 + the model's own error code. */
#include "wkharness.h"

enum { SYS_OPEN = 0x01, SYS_WRITE = 0x05, SYS_READ = 0x06, SYS_EXIT_EXTENDED = 0x20 };
enum { MODE_READ = 1, MODE_WRITE = 5 };
enum { PAINT = 0xA5 };

#if defined(__riscv)
#define WK_MOVE "mv"
#else
#define WK_MOVE "mov"
#endif

extern uint8_t wk_stack_limit[];

static intptr_t open_file(const char *name, size_t length, intptr_t mode)
{
    const intptr_t words[3] = {(intptr_t)name, mode, (intptr_t)length};
    return wkharness_host(SYS_OPEN, words);
}

/* The number of bytes NOT transferred. */
static intptr_t transfer(int operation, intptr_t file, const void *data, size_t length)
{
    const intptr_t words[3] = {file, (intptr_t)data, (intptr_t)length};
    return wkharness_host(operation, words);
}

#if defined(WKHARNESS_STREAM)
static void begin(void)
{
    wk_model_stream_begin((wk_model_stream_t *)(void *)wkharness_arena);
}

static inline int use_model(void)
{
    wk_model_stream_t *stream = (wk_model_stream_t *)(void *)wkharness_arena;
    wk_model_stream_push(stream, wkharness_input);
    const int status = wk_model_stream_run(stream, wkharness_logits);
    return status == WK_ERR_READY ? 0 : status;
}
#else
static void begin(void)
{
}

static inline int use_model(void)
{
    return wk_model_run(wkharness_arena, sizeof wkharness_arena, wkharness_input,
                        wkharness_logits);
}
#endif

/* What the model is called with lies in registers, so the stack pointer in here is the model's. */
__attribute__((noinline)) static int run_once(uint32_t *out_stack_bytes)
{
    volatile uint8_t *here;
    __asm volatile(WK_MOVE " %0, sp" : "=r"(here));
    for (volatile uint8_t *byte = wk_stack_limit; byte < here; byte++) {
        *byte = PAINT;
    }
    const int status = use_model();
    const volatile uint8_t *byte = wk_stack_limit;
    while (byte < here && *byte == PAINT) {
        byte++;
    }
    const uint32_t used = (uint32_t)((uintptr_t)here - (uintptr_t)byte);
    if (used > *out_stack_bytes) {
        *out_stack_bytes = used;
    }
    return status;
}

int wkharness_main(void)
{
    const intptr_t inputs = open_file("inputs.bin", 10, MODE_READ);
    const intptr_t logits = open_file("logits.bin", 10, MODE_WRITE);
    const intptr_t stack = open_file("stack.bin", 9, MODE_WRITE);
    if (inputs < 0 || logits < 0 || stack < 0) {
        return 1;
    }
    uint32_t stack_bytes = 0;
    begin();
    while (transfer(SYS_READ, inputs, wkharness_input, sizeof wkharness_input) == 0) {
        const int status = run_once(&stack_bytes);
        if (status != 0) {
            return 100 + (status < 0 ? -status : status);
        }
        if (transfer(SYS_WRITE, logits, wkharness_logits, sizeof wkharness_logits) != 0) {
            return 1;
        }
    }
    return transfer(SYS_WRITE, stack, &stack_bytes, sizeof stack_bytes) == 0 ? 0 : 1;
}

/* SYS_EXIT_EXTENDED with ADP_Stopped_ApplicationExit makes the emulator exit with our code. */
__attribute__((noreturn)) void wkharness_exit(int code);
void wkharness_exit(int code)
{
    const intptr_t words[2] = {0x20026, code};
    for (;;) {
        (void)wkharness_host(SYS_EXIT_EXTENDED, words);
    }
}
