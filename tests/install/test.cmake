# Installs into a fresh prefix, builds the examples against it as anybody would, and runs them.
# Arguments: BUILD (the build folder), SOURCE (the examples), COMPILER, CCACHE (false
# where there is none).
cmake_minimum_required(VERSION 3.25)
set(work "${BUILD}/tests/install test")  # a path with a space in it
file(REMOVE_RECURSE "${work}")
file(MAKE_DIRECTORY "${work}")

# step(NAME COMMAND...): runs it, shows what it said where it fails, and leaves its standard output in `said`.
function(step name)
  execute_process(COMMAND ${ARGN} WORKING_DIRECTORY "${work}" RESULT_VARIABLE status OUTPUT_VARIABLE out ERROR_VARIABLE err)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${name}: status ${status}\n${out}\n${err}")
  endif()
  set(said "${out}" PARENT_SCOPE)
endfunction()

function(expect what condition_text)
  cmake_language(EVAL CODE "if(${condition_text})\nset(holds TRUE)\nendif()")
  if(NOT holds)
    message(FATAL_ERROR "${what}: not ${condition_text}")
  endif()
endfunction()

step("installing" ${CMAKE_COMMAND} --install "${BUILD}" --prefix "${work}/first")
# The prefix may be moved: nothing in it may name the old place, or the place of the build.
file(RENAME "${work}/first" "${work}/moved here")
set(prefix "${work}/moved here")
file(GLOB_RECURSE package "${prefix}/lib*/cmake/hone/*.cmake")
expect("the package's files" "package")
foreach(file IN LISTS package)
  file(READ "${file}" text)
  foreach(place IN ITEMS "${work}/first" "${BUILD}")
    string(FIND "${text}" "${place}" found)
    if(NOT found EQUAL -1)
      message(FATAL_ERROR "${file} names ${place}")
    endif()
  endforeach()
endforeach()

set(launcher)
if(CCACHE)
  set(launcher "-DCMAKE_CXX_COMPILER_LAUNCHER=${CCACHE}")
endif()
step("configuring" ${CMAKE_COMMAND} -S "${SOURCE}" -B "${work}/build" -G Ninja "-DCMAKE_PREFIX_PATH=${prefix}"
     "-DCMAKE_CXX_COMPILER=${COMPILER}" ${launcher} "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Wpedantic -Werror")
string(TIMESTAMP began "%s")
step("building" ${CMAKE_COMMAND} --build "${work}/build")
string(TIMESTAMP ended "%s")
math(EXPR spent "${ended} - ${began}")
message(STATUS "built both examples in ${spent} s")

# Ask/tell finds the least loss, 0.1, nearly.
step("ask/tell" "${work}/build/ask_tell/ask_tell")
if(NOT said MATCHES "^loss ([0-9.]+) with lr=([^ ]+) depth=([0-9]+)")
  message(FATAL_ERROR "ask/tell said: ${said}")
endif()
expect("ask/tell: ${said}" "${CMAKE_MATCH_1} LESS 0.2")

# The own task, searched by the installed hone.
file(COPY "${SOURCE}/own_task/study.toml" DESTINATION "${work}/build/own_task")
set(study "${work}/build/own_task/study.toml")
step("searching" ${CMAKE_COMMAND} -E env --unset=HONE_PROGRAMS "${prefix}/bin/hone" search "${study}" --json)
string(JSON trials GET "${said}" trials)
expect("trials" "${trials} EQUAL 60")
string(JSON members LENGTH "${said}" front)
expect("the front's size" "${members} GREATER 1")
file(GLOB logs "${work}/build/own_task/study.hone/w*.log")
list(LENGTH logs workers)
expect("workers' logs" "${workers} EQUAL 2")
step("the page" "${prefix}/bin/hone" report "${study}" -o "${work}/page.html")
expect("the page" "EXISTS \"${work}/page.html\"")
file(REMOVE_RECURSE "${work}")
