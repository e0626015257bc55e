# SPDX-License-Identifier: MIT
# Compiles SOURCE with COMPILER. Its lines "// expect: TEXT" say what the errors contain, one of them at least; without such a line it
# must compile.
cmake_minimum_required(VERSION 3.25)

file(STRINGS "${SOURCE}" expectations REGEX "^// expect: ")
list(TRANSFORM expectations REPLACE "^// expect: " "")

set(ENV{LC_ALL} C)
execute_process(COMMAND ${COMPILER} -std=c++20 -fsyntax-only -I ${INCLUDE} ${SOURCE} ERROR_VARIABLE errors RESULT_VARIABLE code)

if(NOT expectations)
    if(NOT code EQUAL 0)
        message(FATAL_ERROR "${SOURCE} must compile:\n${errors}")
    endif()
    return()
endif()
if(code EQUAL 0)
    message(FATAL_ERROR "${SOURCE} compiles; it must not")
endif()
foreach(expectation IN LISTS expectations)
    string(FIND "${errors}" "${expectation}" at)
    if(NOT at EQUAL -1)
        return()
    endif()
endforeach()
message(FATAL_ERROR "${SOURCE} fails, but the errors do not contain '${expectations}':\n${errors}")
