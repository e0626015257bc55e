# SPDX-License-Identifier: MIT
# Explores all states of MODEL with DEFINES, in a folder of its own. FINDS empty: there must be no error and the search must be
# complete. Else it must find an error of that kind: "assertion violated" or "invalid end state".
#
#     cmake -DMODEL=FILE.pml [-DDEFINES="JOBS=2 BUG_X"] [-DFINDS="assertion violated"] -DFOLDER=DIR -P check.cmake
#
# LIMIT: the megabytes that it may use.
cmake_minimum_required(VERSION 3.25)

foreach(program spin gcc)
    find_program(${program}_program ${program} REQUIRED)
endforeach()
if(NOT LIMIT)
    set(LIMIT 4000)
endif()
string(REGEX REPLACE "([^ ]+)" "-D\\1" defines "${DEFINES}")
separate_arguments(defines)

file(REMOVE_RECURSE "${FOLDER}")
file(MAKE_DIRECTORY "${FOLDER}")
# Ends the script where that fails: a model that cannot be built has found nothing.
execute_process(WORKING_DIRECTORY "${FOLDER}" COMMAND ${spin_program} ${defines} -a "${MODEL}"
    OUTPUT_VARIABLE output ERROR_VARIABLE output RESULT_VARIABLE code)
if(NOT code EQUAL 0 OR NOT EXISTS "${FOLDER}/pan.c")
    message(FATAL_ERROR "spin does not take ${MODEL}:\n${output}")
endif()
# A search that ends at the first error takes less time than the optimiser.
set(optimise -O2)
set(table -w24)
if(FINDS)
    set(optimise -O0)
    set(table -w20)
endif()
execute_process(WORKING_DIRECTORY "${FOLDER}" COMMAND ${gcc_program} ${optimise} -w -DSAFETY -DMEMLIM=${LIMIT} -o pan pan.c
    COMMAND_ERROR_IS_FATAL ANY)
set(ENV{GLIBC_TUNABLES} glibc.malloc.hugetlb=1)  # a tenth less time in large pages
# The depth of the search, and how large its table of states begins.
execute_process(WORKING_DIRECTORY "${FOLDER}" COMMAND ./pan -m1000000 ${table} -n OUTPUT_VARIABLE output ERROR_VARIABLE output
    RESULT_VARIABLE code)

string(REGEX MATCH "([0-9]+) states, stored" states "${output}")
string(REGEX MATCH "pan: elapsed time [^\n]*" time "${output}")
string(REGEX MATCH "pan:[0-9]+: [^\n]*" error "${output}")
message("${states}; ${time}")

if(FINDS)
    string(FIND "${error}" "${FINDS}" at)
    if(at EQUAL -1)
        message("${output}")
        message(FATAL_ERROR "no \"${FINDS}\" was found")
    endif()
    message("found: ${error}\nits steps: cd ${FOLDER} && ./pan -r")
    return()
endif()

# Where memory or depth did not suffice, pan says so and goes on, or ends with what it has.
if(error OR output MATCHES "error:|Search not completed|out of memory|memory limit|max search depth" OR NOT code EQUAL 0 OR
   NOT output MATCHES "errors: 0\n" OR NOT states)
    message("${output}\nThe steps of an error: cd ${FOLDER} && ./pan -r")
    message(FATAL_ERROR "there is an error, or the search is not complete")
endif()
message("exhausted")
