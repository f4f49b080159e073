#include "wearkit.h"

#include <Arduino.h>
#include <Wire.h>

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
