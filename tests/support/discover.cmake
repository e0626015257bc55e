# SPDX-License-Identifier: MIT
# Run after a test program is built: asks PROGRAM for its test cases and writes OUTPUT, which registers each of them with ctest as
# NAME.<test case> with LABEL, TIMEOUT and SERIAL. LIST is how this version of Catch2 is asked for names alone.
#
# Why not Catch2's own catch_discover_tests: it keeps the names in a CMake list, where a name like "random is in [0, 1)" swallows those
# that follow. Here no list is made of them.
cmake_minimum_required(VERSION 3.25)

separate_arguments(LIST UNIX_COMMAND "${LIST}")
execute_process(COMMAND ${PROGRAM} ${LIST} OUTPUT_VARIABLE names ERROR_VARIABLE errors RESULT_VARIABLE code)
# Catch2 2 exits with the number of tests; only a signal's name is certainly wrong.
if(NOT code MATCHES "^[0-9]+$" OR names STREQUAL "")
    message(FATAL_ERROR "${PROGRAM} ${LIST} ended with ${code} and does not list its tests:\n${names}${errors}")
endif()

set(script "")
while(NOT names STREQUAL "")
    string(FIND "${names}" "\n" end)
    string(SUBSTRING "${names}" 0 ${end} name)
    if(end EQUAL -1)
        set(names "")
    else()
        math(EXPR end "${end} + 1")
        string(SUBSTRING "${names}" ${end} -1 names)
    endif()
    if(name STREQUAL "")
        continue()
    endif()
    string(REGEX REPLACE [[([],[\"])]] [[\\\1]] argument "${name}")  # what Catch2 would read as something else than a name
    string(APPEND script
        "add_test([==[${NAME}.${name}]==] [==[${PROGRAM}]==] [==[${argument}]==])\n"
        "set_tests_properties([==[${NAME}.${name}]==] PROPERTIES LABELS ${LABEL} TIMEOUT ${TIMEOUT} RUN_SERIAL ${SERIAL}"
        " FAIL_REGULAR_EXPRESSION [==[No test cases matched]==])\n")  # Catch2 2 calls that a success
endwhile()
file(WRITE ${OUTPUT} "${script}")
