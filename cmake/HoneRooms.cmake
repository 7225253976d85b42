# A library made of rooms: every .cpp below hone/ROOM belongs to it. Methods announce themselves with
# HONE_REGISTER(kind, name) in their own file; cmake/collect.cmake gathers those lines into one generated
# list, so that adding a method is adding a file, and no static constructor runs.

function(hone_room_library name)
  set(sources)
  foreach(room IN LISTS ARGN)
    file(GLOB_RECURSE found CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/hone/${room}/*.cpp)
    list(APPEND sources ${found})
  endforeach()
  set(generated ${CMAKE_BINARY_DIR}/generated/${name}_methods.cpp)
  add_custom_command(
    OUTPUT ${generated}.stamp BYPRODUCTS ${generated}
    COMMAND ${CMAKE_COMMAND} -DLIBRARY=${name} "-DROOMS=${ARGN}" -DROOT=${CMAKE_SOURCE_DIR} -DOUTPUT=${generated}
            -P ${CMAKE_SOURCE_DIR}/cmake/collect.cmake
    COMMAND ${CMAKE_COMMAND} -E touch ${generated}.stamp
    DEPENDS ${sources} ${CMAKE_SOURCE_DIR}/cmake/collect.cmake
    COMMENT "Collecting the methods of ${name}" VERBATIM)
  add_custom_target(${name}_collect DEPENDS ${generated}.stamp)
  add_library(${name} STATIC ${sources} ${generated})
  set_source_files_properties(${generated} PROPERTIES GENERATED ON SKIP_UNITY_BUILD_INCLUSION ON
                              SKIP_PRECOMPILE_HEADERS ON)
  add_dependencies(${name} ${name}_collect)
  target_include_directories(${name} PUBLIC $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  hone_warnings(${name})
endfunction()

function(hone_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic)
  if(HONE_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
endfunction()
