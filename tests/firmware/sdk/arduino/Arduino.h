/* As much of Arduino's core as wearkit's library asks for, on a computer. Signatures as in
 * arduino/ArduinoCore-API. */
#ifndef ARDUINO_STUB_H
#define ARDUINO_STUB_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define A0 14

unsigned long micros();
int analogRead(uint8_t pin);

class Print
{
  public:
    virtual ~Print() {}
    virtual size_t write(uint8_t byte) = 0;
    virtual size_t write(const uint8_t *bytes, size_t bytes_len) = 0;
    size_t write(const char *text, size_t text_len)
    {
        return write(reinterpret_cast<const uint8_t *>(text), text_len);
    }
};

class Stream : public Print
{
  public:
    virtual int available() = 0;
    virtual int read() = 0;
};

class HardwareSerial : public Stream
{
  public:
    using Print::write;
    void begin(unsigned long baud);
    size_t write(uint8_t byte) override;
    size_t write(const uint8_t *bytes, size_t bytes_len) override;
    int available() override;
    int read() override;
};

extern HardwareSerial Serial;

void setup();
void loop();

#endif
