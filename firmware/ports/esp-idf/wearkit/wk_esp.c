#include "wk_esp.h"

#include "esp_mac.h"
#include "esp_random.h"
#include "esp_system.h"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

#define TRANSFER_MS 5

/* The address is the device handle's. */
static int transfer(void *context, uint8_t address, const uint8_t *out_bytes, uint8_t out_len,
                    uint8_t *in_bytes, uint8_t in_len)
{
    const wk_esp_t *esp = context;

    (void)address;
    return in_len == 0 ? i2c_master_transmit(esp->sensor, out_bytes, out_len, TRANSFER_MS)
                       : i2c_master_transmit_receive(esp->sensor, out_bytes, out_len, in_bytes,
                                                     in_len, TRANSFER_MS);
}

static uint32_t now_us(void *context)
{
    (void)context;
    return (uint32_t)esp_timer_get_time();
}

static bool send_frame(void *context, const uint8_t *wire, size_t wire_len)
{
    return uart_write_bytes(((const wk_esp_t *)context)->uart, wire, wire_len) == (int)wire_len;
}

static int receive_byte(void *context)
{
    uint8_t byte;

    return uart_read_bytes(((const wk_esp_t *)context)->uart, &byte, 1, 0) == 1 ? byte : -1;
}

/* In IDF's FreeRTOS a stack's unit is the byte. */
static uint32_t free_stack_bytes(void *context)
{
    (void)context;
    return (uint32_t)uxTaskGetStackHighWaterMark(NULL);
}

void wk_esp_begin(wk_esp_t *out_esp, i2c_master_dev_handle_t sensor, uart_port_t uart)
{
    static const wk_esp_t nothing;

    *out_esp = nothing;
    out_esp->sensor = sensor;
    out_esp->uart = uart;
    out_esp->i2c.transfer = transfer;
    out_esp->i2c.context = out_esp;
    out_esp->bus = wk_adxl345_i2c_bus(&out_esp->i2c);
    out_esp->board.bus = &out_esp->bus;
    out_esp->board.now_us = now_us;
    out_esp->board.send = send_frame;
    out_esp->board.receive = receive_byte;
    out_esp->board.free_stack_bytes = free_stack_bytes;
    out_esp->board.context = out_esp;
    out_esp->board.boot_id = esp_random();
    (void)esp_efuse_mac_get_default(out_esp->board.uid); /* 6 of its 8 bytes */
    out_esp->board.reset_cause = (uint8_t)esp_reset_reason();
}
