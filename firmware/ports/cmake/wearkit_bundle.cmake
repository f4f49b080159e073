# Models in CMake, for plain CMake, Zephyr and ESP-IDF alike.

# The C files of a model: BUNDLE, or a folder of `wearkit firmware --port sources`, which also has
# wk_device_model.c. Sets <out_folder> and <out_sources>; stops when there is no model.
function(wk_model_sources folder out_folder out_sources)
    get_filename_component(folder "${folder}" ABSOLUTE BASE_DIR "${CMAKE_CURRENT_SOURCE_DIR}")
    if(EXISTS "${folder}/c/wk_model.h")
        set(folder "${folder}/c")
    endif()
    file(GLOB layers "${folder}/*_model_layers.h") # wk_, or a prefix of its own
    if(NOT layers)
        message(FATAL_ERROR
            "There is no wk_model.h in ${folder}: give a bundle of `wearkit export --int8`, "
            "or a folder that `wearkit firmware` wrote.")
    endif()
    set(depends CONFIGURE_DEPENDS)
    if(CMAKE_SCRIPT_MODE_FILE)
        set(depends) # a script configures nothing
    endif()
    file(GLOB sources ${depends} "${folder}/*.c")
    set(${out_folder} "${folder}" PARENT_SCOPE)
    set(${out_sources} ${sources} PARENT_SCOPE)
endfunction()

# wearkit_add_bundle(NAME FOLDER): the model of a bundle as the static library NAME.
#
# FOLDER: a bundle of `wearkit export --int8`, its c/ folder, or a folder of `wearkit firmware --port
# sources`. With wk_device_model.c in it, NAME is linked with wearkit::firmware and has the symbol
# wk_device_model; without, it has wk_model.h's functions and needs nothing. Two models link into one
# program when `wearkit firmware --prefix` gave one of them other names.
function(wearkit_add_bundle name folder)
    wk_model_sources("${folder}" model sources)
    add_library(${name} STATIC ${sources})
    set_target_properties(${name} PROPERTIES
        C_STANDARD 99 C_STANDARD_REQUIRED ON C_EXTENSIONS OFF)
    # Ahead of the firmware's headers: its wk/wk_engine_config.h is the one its kernels need.
    target_include_directories(${name} BEFORE PUBLIC "${model}")
    if(WK_FORCE_PLAIN)
        target_compile_definitions(${name} PUBLIC WK_FORCE_PLAIN)
    endif()
    if(WK_WARNINGS)
        target_compile_options(${name} PRIVATE
            -Wall -Wextra -Werror -Wconversion -Wshadow -pedantic)
    endif()
    file(GLOB device "${model}/*_device_model.c")
    if(device)
        target_link_libraries(${name} PUBLIC wearkit::firmware)
    endif()
endfunction()
