/* I2C0 (4.3, a DW_apb_i2c) as a controller at 400 kHz. */
#include "wk_rp2040.h"

#define I2C 0x40044000u /* 4.3.17 */
#define IC_CON (I2C + 0x00)
#define IC_TAR (I2C + 0x04)
#define IC_DATA_CMD (I2C + 0x10)
#define IC_FS_SCL_HCNT (I2C + 0x1C)
#define IC_FS_SCL_LCNT (I2C + 0x20)
#define IC_RAW_INTR_STAT (I2C + 0x34)
#define IC_CLR_INTR (I2C + 0x40)
#define IC_CLR_TX_ABRT (I2C + 0x54)
#define IC_ENABLE (I2C + 0x6C)
#define IC_RXFLR (I2C + 0x78)
#define IC_SDA_HOLD (I2C + 0x7C)
#define IC_FS_SPKLEN (I2C + 0xA0)
#define CON_CONTROLLER_FAST (1u | 2u << 1 | 1u << 5 | 1u << 6) /* may restart; is no target */
#define CMD_READ (1u << 8)
#define CMD_STOP (1u << 9)
#define CMD_RESTART (1u << 10)
#define RAW_ABORTED (1u << 6)
#define RAW_STOPPED (1u << 9)
#define FIFO_BYTES 16u

/* Of a bit's clocks three fifths are low: 1.5 us of the 1.3 us that 400 kHz asks for. */
#define BIT_CLOCKS ((WK_CPU_HZ + 399999u) / 400000u) /* not faster than 400 kHz */
#define LOW_CLOCKS (BIT_CLOCKS * 3u / 5u)
#define HOLD_CLOCKS (WK_CPU_HZ / 1000000u * 3u / 10u + 1u) /* 300 ns */
#define SPIKE_CLOCKS 6u                                    /* 48 ns of at most 50 */
#define TIMEOUT_US 5000u                                   /* 16 bytes take 400 us */

#define SIO_IN 0xD0000004u /* 2.3.1.7 */
#define SIO_OUT_CLEAR 0xD0000018u
#define SIO_OE_SET 0xD0000024u
#define SIO_OE_CLEAR 0xD0000028u
#define SDA (1u << WK_PIN_SDA)
#define SCL (1u << WK_PIN_SCL)

static void pause(void)
{
    const uint32_t start_us = wk_timer_us(NULL);

    while (wk_timer_us(NULL) - start_us < 6u) {
    }
}

/* A part that was cut off in the middle of an answer holds SDA low until it gets its clocks; then a
 * STOP ends the transfer. Pins are only ever pulled low. */
static void free_bus(void)
{
    int clocks;

    WK_REG(SIO_OUT_CLEAR) = SDA | SCL;
    WK_REG(SIO_OE_CLEAR) = SDA | SCL;
    wk_pin(WK_PIN_SDA, WK_FUNCTION_SIO);
    wk_pin(WK_PIN_SCL, WK_FUNCTION_SIO);
    pause();
    for (clocks = 0; clocks < 9 && (WK_REG(SIO_IN) & SDA) == 0; clocks++) {
        WK_REG(SIO_OE_SET) = SCL;
        pause();
        WK_REG(SIO_OE_CLEAR) = SCL;
        pause();
    }
    WK_REG(SIO_OE_SET) = SDA;
    pause();
    WK_REG(SIO_OE_CLEAR) = SDA;
    pause();
    wk_pin(WK_PIN_SDA, WK_FUNCTION_I2C);
    wk_pin(WK_PIN_SCL, WK_FUNCTION_I2C);
}

void wk_i2c_begin(void)
{
    WK_REG(IC_ENABLE) = 0;
    free_bus();
    WK_REG(IC_CON) = CON_CONTROLLER_FAST;
    WK_REG(IC_FS_SCL_LCNT) = LOW_CLOCKS;
    WK_REG(IC_FS_SCL_HCNT) = BIT_CLOCKS - LOW_CLOCKS;
    WK_REG(IC_FS_SPKLEN) = SPIKE_CLOCKS;
    WK_REG(IC_SDA_HOLD) = HOLD_CLOCKS;
}

static void queue(const uint8_t *out_bytes, uint8_t out_len, uint8_t in_len)
{
    uint8_t i;

    for (i = 0; i < out_len; i++) {
        const bool last = i + 1 == out_len && in_len == 0;

        WK_REG(IC_DATA_CMD) = out_bytes[i] | (last ? CMD_STOP : 0u);
    }
    for (i = 0; i < in_len; i++) {
        const bool last = i + 1 == in_len;

        WK_REG(IC_DATA_CMD) =
            CMD_READ | (i == 0 ? CMD_RESTART : 0u) | (last ? CMD_STOP : 0u);
    }
}

/* Whether a STOP came, which it also does when an address was not acknowledged. */
static bool stopped(void)
{
    const uint32_t start_us = wk_timer_us(NULL);

    while ((WK_REG(IC_RAW_INTR_STAT) & RAW_STOPPED) == 0) {
        if (wk_timer_us(NULL) - start_us >= TIMEOUT_US) {
            return false;
        }
    }
    return true;
}

int wk_i2c_transfer(void *context, uint8_t address, const uint8_t *out_bytes, uint8_t out_len,
                    uint8_t *in_bytes, uint8_t in_len)
{
    (void)context;
    if (out_len + in_len == 0 || out_len + in_len > (int)FIFO_BYTES) {
        return 1;
    }
    WK_REG(IC_ENABLE) = 0; /* empties both FIFOs, and only then may the address change */
    WK_REG(IC_TAR) = address;
    WK_REG(IC_ENABLE) = 1;
    (void)WK_REG(IC_CLR_INTR);
    queue(out_bytes, out_len, in_len);
    if (!stopped()) {
        wk_i2c_begin();
        return 1;
    }
    if ((WK_REG(IC_RAW_INTR_STAT) & RAW_ABORTED) != 0) {
        (void)WK_REG(IC_CLR_TX_ABRT);
        return 1;
    }
    if (WK_REG(IC_RXFLR) != in_len) {
        return 1;
    }
    while (in_len-- > 0) {
        *in_bytes++ = (uint8_t)WK_REG(IC_DATA_CMD);
    }
    return 0;
}
