/* A QEMU plugin that counts which translated block followed which inside the model.
 *
 * Compiled on the machine that runs it; QEMU's plugin interface (version 1) is declared here,
 * because distributions ship QEMU without its header. Arguments (key=hex):
 *   entry=ADDRESS entry_size=BYTES second=ADDRESS model=ADDRESS model_size=BYTES riscv=0 or 1
 * model: the code that is counted, from entry or second until it returns; entry: wk_model_run,
 * whose calls are told apart (sites); second: a stream's other function, or 0.
 * Output in steps.txt, one line each: "B address bytes" per block, "S site previous address count" per step.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef struct qemu_info qemu_info_t;
typedef void (*translated_t)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
typedef void (*executed_t)(unsigned int cpu, void *data);
typedef void (*leaving_t)(qemu_plugin_id_t id, void *data);

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, translated_t callback);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, executed_t callback, int flags,
                                          void *data);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, leaving_t callback, void *data);

#define EXPORTED __attribute__((visibility("default")))

EXPORTED int qemu_plugin_version = 1;

typedef struct {
    uint64_t address;
    uint64_t bytes;
    bool inside; /* counted: the model's code */
} block_t;

typedef struct {
    uint64_t site, previous, address, count;
} step_t;

enum { STEP_SLOTS = 1 << 18 };

static step_t steps[STEP_SLOTS];
static size_t step_count;
static uint64_t order[STEP_SLOTS / 2];
static uint64_t entry, entry_size, model, model_size;
static uint64_t site, previous, after, riscv;
static uint64_t second;
static bool active;
static FILE *out;

static void fail(const char *message)
{
    fprintf(stderr, "tcg_counter: %s\n", message);
    exit(98);
}

static void add(uint64_t address)
{
    uint64_t hash = (site * 31u + previous) * 0x9E3779B97F4A7C15u + address * 0xC2B2AE3D27D4EB4Fu;
    for (size_t slot = (hash >> 40) % STEP_SLOTS;; slot = (slot + 1) % STEP_SLOTS) {
        step_t *step = &steps[slot];
        if (step->count == 0) {
            if (step_count == STEP_SLOTS / 2) {
                fail("too many different steps");
            }
            order[step_count++] = slot;
            *step = (step_t){site, previous, address, 1};
            return;
        }
        if (step->address == address && step->previous == previous && step->site == site) {
            step->count++;
            return;
        }
    }
}

static void executed(unsigned int cpu, void *data)
{
    const block_t *block = data;
    (void)cpu;
    if (block->address == entry || block->address == second) {
        active = true;
        previous = 0;
    } else if (!block->inside) {
        active = false; /* back in the harness, which may call memcpy on its own */
    }
    if (!active) {
        return;
    }
    if (block->address - entry < entry_size) {
        site = 0;
    } else if (site == 0) {
        site = after;
    }
    add(block->address);
    previous = block->address;
    after = block->address + block->bytes;
}

/* qemu_plugin_insn_size is 2 too large before the end of a page, where QEMU looks one instruction
 * ahead. Thumb: 4 bytes when the top five bits say so; RISC-V: when the lowest two are set. */
static uint64_t length(const uint8_t *code)
{
    const unsigned int half = code[0] | (unsigned int)code[1] << 8;
    return riscv ? ((half & 3u) == 3u ? 4 : 2) : (half >> 11 >= 0x1Du ? 4 : 2);
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    block_t *block = malloc(sizeof *block); /* lives as long as QEMU */
    if (block == NULL) {
        fail("no memory");
    }
    block->address = qemu_plugin_tb_vaddr(tb);
    const struct qemu_plugin_insn *last =
        qemu_plugin_tb_get_insn(tb, qemu_plugin_tb_n_insns(tb) - 1);
    block->bytes = qemu_plugin_insn_vaddr(last) + length(qemu_plugin_insn_data(last));
    block->bytes -= block->address;
    block->inside = block->address - model < model_size;
    if (block->inside) {
        fprintf(out, "B %" PRIx64 " %" PRIx64 "\n", block->address, block->bytes);
    }
    qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, 0, block);
}

static void leaving(qemu_plugin_id_t id, void *data)
{
    (void)id;
    (void)data;
    for (size_t i = 0; i < step_count; i++) {
        const step_t *step = &steps[order[i]];
        fprintf(out, "S %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64 "\n", step->site,
                step->previous, step->address, step->count);
    }
    fclose(out);
}

static uint64_t number(int argc, char **argv, const char *key)
{
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], key, strlen(key)) == 0) { /* key ends in = */
            return strtoull(argv[i] + strlen(key), NULL, 16);
        }
    }
    fail("an argument is missing");
    return 0;
}

EXPORTED int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
                                 char **argv)
{
    (void)info;
    entry = number(argc, argv, "entry=");
    entry_size = number(argc, argv, "entry_size=");
    second = number(argc, argv, "second=");
    model = number(argc, argv, "model=");
    model_size = number(argc, argv, "model_size=");
    riscv = number(argc, argv, "riscv=");
    out = fopen("steps.txt", "w");
    if (out == NULL) {
        fail("steps.txt cannot be written");
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, leaving, NULL);
    return 0;
}
