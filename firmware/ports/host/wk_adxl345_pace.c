#include "wk_adxl345_pace.h"

#include <stdlib.h>
#include <string.h>

#define TURN_ON_NS 1100000u /* Table 1, turn-on time: 1.1 ms beside one period */
#define NS_PER_US 1000u
#define MILLION 1000000

enum { ABSENT, MUTE, SHIFTED, FROZEN, ID, STUCK, NOISE, REFUSE, BROWNOUT, BURST, RATE };

static const char *const names[] = {
    [ABSENT] = "absent",     [MUTE] = "mute",   [SHIFTED] = "shifted", [FROZEN] = "frozen",
    [ID] = "devid",          [STUCK] = "stuck", [NOISE] = "noise",     [REFUSE] = "refuse",
    [BROWNOUT] = "brownout", [BURST] = "burst", [RATE] = "rate",
};

static void restart(wk_adxl345_pace_t *pace)
{
    pace->next_ns = 0;
    pace->rate_mhz = 0;
}

void wk_adxl345_pace_begin(wk_adxl345_pace_t *out_pace, wk_adxl345_model_t *model,
                           wk_adxl345_source_t source, void *source_context)
{
    memset(out_pace, 0, sizeof *out_pace);
    out_pace->model = model;
    out_pace->source = source;
    out_pace->source_context = source_context;
    out_pace->source_mhz = WK_ADXL345_DEFAULT_RATE_MHZ;
    out_pace->random = 345;
}

static uint64_t period_ns(const wk_adxl345_pace_t *pace, uint32_t rate_mhz)
{
    const uint64_t nominal = 1000000000000u / rate_mhz;

    return nominal * MILLION / (uint64_t)(MILLION + pace->error_ppm);
}

/* Numerical Recipes' congruential generator: the same numbers on every computer. */
static uint64_t jitter_ns(wk_adxl345_pace_t *pace)
{
    pace->random = pace->random * 1664525u + 1013904223u;
    return (uint64_t)(pace->random >> 16) * pace->jitter_us * NS_PER_US >> 16;
}

static void convert(wk_adxl345_pace_t *pace)
{
    const bool own_rate = wk_adxl345_model_rate_mhz(pace->model) == pace->source_mhz;

    if (own_rate && !pace->source(pace->source_context, pace->counts)) {
        pace->ended = true;
        return;
    }
    wk_adxl345_model_tick(pace->model, pace->counts);
}

static void apply(wk_adxl345_pace_t *pace, uint8_t kind, int32_t value)
{
    wk_adxl345_model_t *model = pace->model;

    switch (kind) {
    case ABSENT: model->absent = value != 0; break;
    case MUTE: model->mute = value != 0; break;
    case SHIFTED: model->shifted = value != 0; break;
    case FROZEN: model->frozen = value != 0; break;
    case ID: model->devid = (uint8_t)value; break;
    case STUCK: model->stuck_reg = (uint8_t)value; break;
    case NOISE: model->noise_xor = (uint8_t)value; break;
    case REFUSE: model->refuse = (uint8_t)value; break;
    case RATE: pace->error_ppm = value; break;
    case BURST:
        while (value-- > 0 && !pace->ended) {
            convert(pace);
        }
        break;
    default: { /* BROWNOUT: the registers fall back, the wiring's faults stay */
        const wk_adxl345_model_t before = *model;

        wk_adxl345_model_reset(model);
        model->absent = before.absent;
        model->address = before.address;
        model->devid = before.devid;
        model->taken = before.taken;
        model->lost = before.lost + before.held_len;
        model->timed = before.timed;
        model->now_ns = before.now_ns;
        restart(pace);
        break;
    }
    }
}

/* Reckon the next conversion anew when the rate was changed or measuring began. */
static void follow_rate(wk_adxl345_pace_t *pace, uint64_t now_ns)
{
    const uint32_t rate_mhz = wk_adxl345_model_rate_mhz(pace->model);

    if (rate_mhz == pace->rate_mhz) {
        return;
    }
    pace->rate_mhz = rate_mhz;
    pace->next_ns = 0;
    if (rate_mhz != 0) {
        pace->next_ns = now_ns + period_ns(pace, rate_mhz) + TURN_ON_NS;
        pace->shown_ns = pace->next_ns + jitter_ns(pace);
    }
}

void wk_adxl345_pace_until(wk_adxl345_pace_t *pace, uint64_t now_us)
{
    const uint64_t now_ns = now_us * NS_PER_US;

    for (;;) {
        const bool fault_due = pace->faults_done < pace->faults_len &&
                               pace->faults[pace->faults_done].at_us <= now_us;
        const uint64_t fault_ns =
            fault_due ? pace->faults[pace->faults_done].at_us * NS_PER_US : UINT64_MAX;

        follow_rate(pace, now_ns);
        if (pace->ended) {
            break;
        }
        if (pace->next_ns != 0 && pace->shown_ns <= now_ns && pace->shown_ns < fault_ns) {
            convert(pace);
            pace->next_ns += period_ns(pace, pace->rate_mhz);
            pace->shown_ns = pace->next_ns + jitter_ns(pace);
        } else if (fault_due) {
            apply(pace, pace->faults[pace->faults_done].kind,
                  pace->faults[pace->faults_done].value);
            pace->faults_done++;
        } else {
            break;
        }
    }
    if (now_ns > pace->model->now_ns) {
        wk_adxl345_model_time(pace->model, now_ns);
    }
}

/* Length of the name at `text` when it is one of ours and '=' follows; its number in out_kind. */
static size_t find_kind(const char *text, uint8_t *out_kind)
{
    size_t kind;

    for (kind = 0; kind < sizeof names / sizeof names[0]; kind++) {
        const size_t len = strlen(names[kind]);

        if (strncmp(text, names[kind], len) == 0 && text[len] == '=') {
            *out_kind = (uint8_t)kind;
            return len;
        }
    }
    return 0;
}

static bool in_range(uint8_t kind, long value)
{
    switch (kind) {
    case RATE: return value > -MILLION / 2 && value < MILLION / 2;
    case BURST: return value >= 0 && value <= MILLION;
    default: return value >= 0 && value <= 255;
    }
}

uint32_t wk_adxl345_pace_faults(wk_adxl345_pace_t *pace, const char *spec)
{
    const char *at = spec;
    uint64_t before_us = 0;

    if (*spec == '\0') {
        return 0;
    }
    while (*at != '\0') {
        char *end;
        const unsigned long at_ms = strtoul(at, &end, 10);
        uint8_t kind = 0;
        size_t name_len;
        long value;

        if (end == at || *end != ':' || at_ms > UINT32_MAX || at_ms * 1000u < before_us ||
            pace->faults_len == WK_ADXL345_FAULTS_MAX) {
            break;
        }
        name_len = find_kind(end + 1, &kind);
        if (name_len == 0) {
            break;
        }
        at = end + 1 + name_len + 1;
        value = strtol(at, &end, 0);
        if (end == at || (*end != ',' && *end != '\0') || !in_range(kind, value)) {
            break;
        }
        before_us = (uint64_t)at_ms * 1000u;
        pace->faults[pace->faults_len].at_us = before_us;
        pace->faults[pace->faults_len].kind = kind;
        pace->faults[pace->faults_len].value = (int32_t)value;
        pace->faults_len++;
        if (*end == '\0') {
            return 0;
        }
        at = end + 1;
    }
    return (uint32_t)(at - spec) + 1u;
}
