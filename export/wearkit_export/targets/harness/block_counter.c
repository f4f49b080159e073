/* Counts the instructions that an emulated Cortex-M executes: unicorn calls wk_block_ran before each
 * translated block. In C because a million calls a second are too many for Python.
 */
#include <stdint.h>

/* instructions: of all blocks so far. spent: the same by the block's address / 2. code: memory from
 * address 0 on. bytes, lengths: by address / 2, the block's size when it was last counted through,
 * and the instructions that were found in it. */
typedef struct {
    uint64_t instructions;
    const uint8_t *code;
    uint64_t *spent;
    uint32_t *bytes;
    uint32_t *lengths;
    uint32_t code_bytes;
} wk_blocks_t;

void wk_block_ran(void *machine, uint64_t address, uint32_t size, void *context);

/* Thumb: four bytes when the top five bits say so. */
static uint32_t instructions_in(const uint8_t *code, uint32_t size)
{
    uint32_t found = 0;
    uint32_t at = 0;

    while (at < size) {
        at += code[at + 1] >> 3 >= 0x1D ? 4 : 2;
        found++;
    }
    return found;
}

void wk_block_ran(void *machine, uint64_t address, uint32_t size, void *context)
{
    wk_blocks_t *blocks = context;
    const uint64_t slot = address / 2;

    (void)machine;
    if (size == 0 || address + size > blocks->code_bytes) {
        return; /* not in flash: nothing of ours runs there */
    }
    if (blocks->bytes[slot] != size) {
        blocks->bytes[slot] = size;
        blocks->lengths[slot] = instructions_in(blocks->code + address, size);
    }
    blocks->spent[slot] += blocks->lengths[slot];
    blocks->instructions += blocks->lengths[slot];
}
