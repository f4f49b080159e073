# Every C file that a board links, beside the model's own. The one list that CMake, Zephyr and ESP-IDF
# read; tests/firmware/test_ports.py compares it with the folders.
set(WK_FIRMWARE_DIR ${CMAKE_CURRENT_LIST_DIR})
set(WK_FIRMWARE_SOURCES
    ${WK_FIRMWARE_DIR}/app/wk_app.c
    ${WK_FIRMWARE_DIR}/app/wk_app_commands.c
    ${WK_FIRMWARE_DIR}/app/wk_app_send.c
    ${WK_FIRMWARE_DIR}/app/wk_app_take.c
    ${WK_FIRMWARE_DIR}/app/wk_text_app.c
    ${WK_FIRMWARE_DIR}/drivers/wk_adxl345.c
    ${WK_FIRMWARE_DIR}/drivers/wk_adxl345_bus.c
    ${WK_FIRMWARE_DIR}/drivers/wk_adxl345_explain.c
    ${WK_FIRMWARE_DIR}/drivers/wk_adxl345_self_test.c
    ${WK_FIRMWARE_DIR}/src/wk_classifier.c
    ${WK_FIRMWARE_DIR}/src/wk_command.c
    ${WK_FIRMWARE_DIR}/src/wk_crc32.c
    ${WK_FIRMWARE_DIR}/src/wk_frame.c
    ${WK_FIRMWARE_DIR}/src/wk_frame_length.c
    ${WK_FIRMWARE_DIR}/src/wk_message.c
    ${WK_FIRMWARE_DIR}/src/wk_ring.c
    ${WK_FIRMWARE_DIR}/src/wk_text.c
    ${WK_FIRMWARE_DIR}/src/wk_window.c
    ${WK_FIRMWARE_DIR}/src/wk_writer.c
)
set(WK_FIRMWARE_INCLUDE ${WK_FIRMWARE_DIR}/include)
