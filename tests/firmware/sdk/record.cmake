# cmake -DFILE=... -DCALLS=a;b [-DNAME=VALUE ...] -P record.cmake
# Includes FILE with the functions CALLS in place of an SDK's, and prints every call of them.
foreach(name IN LISTS CALLS)
    cmake_language(EVAL CODE "
        function(${name})
            message(NOTICE \"CALL ${name};\${ARGN}\")
        endfunction()")
endforeach()
function(idf_build_get_property variable property)
    set(${variable} "${PROJECT}" PARENT_SCOPE)
endfunction()
include(${FILE})
