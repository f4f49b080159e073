#include "wearkit.h"

#include <Wire.h>
#include <string.h>

static const uint32_t BUS_HZ = 400000;
static const uint32_t BUS_TIMEOUT_US = 5000;

/* The context pointer itself carries the 7-bit address: nothing to keep alive. */
static uint8_t address_of(void *context)
{
    return static_cast<uint8_t>(reinterpret_cast<uintptr_t>(context));
}

static int wire_write(void *context, uint8_t reg, uint8_t value)
{
    Wire.beginTransmission(address_of(context));
    Wire.write(reg);
    Wire.write(value);
    return Wire.endTransmission();
}

static int wire_read(void *context, uint8_t reg, uint8_t *out_bytes, uint8_t bytes_len)
{
    Wire.beginTransmission(address_of(context));
    Wire.write(reg);
    if (Wire.endTransmission(false) != 0) {
        return 1;
    }
    if (Wire.requestFrom(address_of(context), bytes_len) != bytes_len) {
        return 1;
    }
    while (bytes_len-- > 0) {
        *out_bytes++ = static_cast<uint8_t>(Wire.read());
    }
    return 0;
}

wk_bus_t wearkit_wire_bus(uint8_t address)
{
    wk_bus_t bus;

    Wire.begin();
    Wire.setClock(BUS_HZ);
#if defined(WIRE_HAS_TIMEOUT)
    Wire.setWireTimeout(BUS_TIMEOUT_US, true);
#endif
    bus.write = wire_write;
    bus.read = wire_read;
    bus.context = reinterpret_cast<void *>(static_cast<uintptr_t>(address));
    return bus;
}

void wearkit_print(void *context, const char *text, size_t text_len)
{
    static_cast<Print *>(context)->write(text, text_len);
}

static uint32_t board_now_us(void *)
{
    return static_cast<uint32_t>(micros());
}

static bool board_send(void *context, const uint8_t *wire, size_t wire_len)
{
    return static_cast<Stream *>(context)->write(wire, wire_len) == wire_len;
}

static int board_receive(void *context)
{
    return static_cast<Stream *>(context)->read();
}

wk_board_t wearkit_board(const wk_bus_t *bus, Stream &link, uint32_t boot_id)
{
    static const uint8_t uid[WK_UID_BYTES] = {'a', 'r', 'd', 'u', 'i', 'n', 'o'};
    wk_board_t board = wk_board_t();

    board.bus = bus;
    board.now_us = board_now_us;
    board.send = board_send;
    board.receive = board_receive;
    board.context = &link;
    board.boot_id = boot_id;
    memcpy(board.uid, uid, sizeof uid);
    return board;
}

uint32_t wearkit_noise(uint8_t analog_pin)
{
    uint32_t bits = static_cast<uint32_t>(micros());

    for (uint8_t i = 0; i < 32; i++) {
        bits = (bits << 1 | bits >> 31) ^ static_cast<uint32_t>(analogRead(analog_pin));
        bits ^= static_cast<uint32_t>(micros());
    }
    return bits;
}
