# find_package(wearkit): the target wearkit::firmware and wearkit_add_bundle.
include(${CMAKE_CURRENT_LIST_DIR}/wearkitTargets.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/wearkit_bundle.cmake)
