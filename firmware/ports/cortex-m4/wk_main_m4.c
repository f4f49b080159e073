/* The wearable on an MPS2 board, real or emulated.
 *
 * These boards have no ADXL345, and emulators neither, so the sensor's registers are at the other
 * end of UART 1: 'R' reg length is answered by a status (0: acknowledged) and, then, that many bytes;
 * 'W' reg value by a status. 'T' and the board's microseconds (4 bytes, low first) let the sensor
 * come up to that time; the answer is 1 when its recording is over, and then 'X' says that all was
 * sent. Everything above wk_bus_t is what a real board runs.
 * A host sets wk_m4_settings before the first instruction.
 */
#include "wk/wk_app.h"
#include "wk/wk_text_app.h"
#include "wk_m4.h"

#define TIMER_CTRL(base) (*(volatile uint32_t *)((base) + 0x0))
#define TIMER_VALUE(base) (*(volatile uint32_t *)((base) + 0x4))
#define TIMER_RELOAD(base) (*(volatile uint32_t *)((base) + 0x8))
#define TIMER_DUE(base) (*(volatile uint32_t *)((base) + 0xC)) /* write 1: not any more */
#define TIMER_ON 1u
#define TIMER_INTERRUPTS 8u
#define TICK_US 5000u
#define TICK_INTERRUPT (1u << 9)
#define NVIC_ENABLE (*(volatile uint32_t *)0xE000E100u)
#define NVIC_FORGET (*(volatile uint32_t *)0xE000E280u)
#define UART_DATA(base) (*(volatile uint32_t *)((base) + 0x0))
#define UART_STATE(base) (*(volatile uint32_t *)((base) + 0x4))
#define UART_CTRL(base) (*(volatile uint32_t *)((base) + 0x8))
#define UART_BAUDDIV(base) (*(volatile uint32_t *)((base) + 0x10))
#define TX_FULL 1u
#define RX_FULL 2u
#define TX_RX_ENABLE 3u
#define TICKS_PER_US (WK_M4_CLOCK_HZ / 1000000u)

extern const wk_classifier_t wk_device_model;

/* streams 0: lines of text. In .data, so that a loader finds it in the image. */
typedef struct {
    uint32_t boot_id;
    uint8_t streams;
    uint8_t streaming;
} wk_m4_settings_t;

extern volatile wk_m4_settings_t wk_m4_settings;
volatile wk_m4_settings_t wk_m4_settings = {1, WK_FEATURE_SAMPLES | WK_FEATURE_PREDICTIONS, 0};

static void put(uintptr_t uart, uint8_t byte)
{
    while ((UART_STATE(uart) & TX_FULL) != 0) {
    }
    UART_DATA(uart) = byte;
}

static uint8_t get(uintptr_t uart)
{
    while ((UART_STATE(uart) & RX_FULL) == 0) {
    }
    return (uint8_t)UART_DATA(uart);
}

static int bus_write(void *context, uint8_t reg, uint8_t value)
{
    (void)context;
    put(WK_M4_BUS, 'W');
    put(WK_M4_BUS, reg);
    put(WK_M4_BUS, value);
    return get(WK_M4_BUS);
}

static int bus_read(void *context, uint8_t reg, uint8_t *out_bytes, uint8_t bytes_len)
{
    (void)context;
    put(WK_M4_BUS, 'R');
    put(WK_M4_BUS, reg);
    put(WK_M4_BUS, bytes_len);
    if (get(WK_M4_BUS) != 0) {
        return 1;
    }
    while (bytes_len-- > 0) {
        *out_bytes++ = get(WK_M4_BUS);
    }
    return 0;
}

/* The timer wraps after 172 s, the microseconds after 71 minutes: only differences are added. */
static uint32_t now_us(void *context)
{
    static uint32_t before;
    static uint32_t us;
    static uint32_t ticks;
    const uint32_t value = TIMER_VALUE(WK_M4_TIMER);

    (void)context;
    ticks += before - value;
    before = value;
    us += ticks / TICKS_PER_US;
    ticks %= TICKS_PER_US;
    return us;
}

static bool send(void *context, const uint8_t *wire, size_t wire_len)
{
    (void)context;
    while (wire_len-- > 0) {
        put(WK_M4_LINK, *wire++);
    }
    return true;
}

static void print(void *context, const char *text, size_t text_len)
{
    (void)send(context, (const uint8_t *)text, text_len);
}

static int receive(void *context)
{
    (void)context;
    return (UART_STATE(WK_M4_LINK) & RX_FULL) != 0 ? (int)(UART_DATA(WK_M4_LINK) & 0xFFu) : -1;
}

/* The tick's interrupt only wakes the core: it stays masked, and no handler runs. */
static void begin_clocks(void)
{
    __asm__ volatile("cpsid i");
    TIMER_RELOAD(WK_M4_TIMER) = 0xFFFFFFFFu;
    TIMER_CTRL(WK_M4_TIMER) = TIMER_ON;
    TIMER_RELOAD(WK_M4_TICK) = TICK_US * TICKS_PER_US - 1u;
    TIMER_CTRL(WK_M4_TICK) = TIMER_ON | TIMER_INTERRUPTS;
    NVIC_ENABLE = TICK_INTERRUPT;
    (void)now_us(NULL);
}

/* Sleep until the next tick; at once when it came during the work. */
static void wait_for_tick(void)
{
    while ((TIMER_DUE(WK_M4_TICK) & 1u) == 0) {
        __asm__ volatile("wfi");
    }
    TIMER_DUE(WK_M4_TICK) = 1u;
    NVIC_FORGET = TICK_INTERRUPT;
}

/* True when the sensor's recording is over. */
static bool sensor_ended(void)
{
    const uint32_t us = now_us(NULL);
    uint8_t byte;

    put(WK_M4_BUS, 'T');
    for (byte = 0; byte < 4; byte++) {
        put(WK_M4_BUS, (uint8_t)(us >> (8 * byte)));
    }
    return get(WK_M4_BUS) != 0;
}

static void run_text(const wk_bus_t *bus)
{
    static wk_text_app_t app;

    wk_text_app_begin(&app, bus, print, NULL, wk_device_model.rate_mhz, now_us(NULL));
    app.simulated = true;
    while (!sensor_ended()) {
        while (wk_text_app_step(&app, now_us(NULL))) {
        }
        wait_for_tick();
    }
}

/* While the host gives samples, the sensor's own can wait. */
static void run_frames(const wk_board_t *board, wk_app_options_t options)
{
    static wk_app_t app;

    wk_app_begin(&app, board, &wk_device_model, options);
    while (app.replaying || !sensor_ended()) {
        wk_app_step(&app);
        wait_for_tick();
    }
    do {
        wk_app_step(&app);
    } while (wk_ring_len(&app.ring) > 0);
    wk_app_send_samples(&app);
    wk_app_send_stats(&app);
}

int main(void)
{
    static const wk_bus_t bus = {bus_write, bus_read, NULL};
    static wk_board_t board = {&bus, now_us, send, receive, wk_m4_free_stack_bytes, NULL,
                               0,    {'w', 'k', '-', 'm', '4', 0, 0, 0}, 0, 0, true};
    wk_app_options_t options = {0};

    UART_BAUDDIV(WK_M4_LINK) = 16;
    UART_BAUDDIV(WK_M4_BUS) = 16;
    UART_CTRL(WK_M4_LINK) = TX_RX_ENABLE;
    UART_CTRL(WK_M4_BUS) = TX_RX_ENABLE;
    begin_clocks();
    if (wk_m4_settings.streams == 0) {
        run_text(&bus);
    } else {
        board.boot_id = wk_m4_settings.boot_id;
        options.streams = wk_m4_settings.streams;
        options.streaming = wk_m4_settings.streaming != 0;
        run_frames(&board, options);
    }
    put(WK_M4_BUS, 'X');
    return 0;
}
