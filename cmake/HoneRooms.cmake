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
  hone_unity(${name} 16)
  hone_warnings(${name})
endfunction()

# hone_unity(TARGET SIZE): its sources are compiled together, up to SIZE of a folder at once, with HONE_UNITY.
# The files of a folder are then one to the compiler: helpers in their anonymous namespaces need names of their
# own. The graph's operators are left alone, as each has the same ones.
function(hone_unity target size)
  if(NOT HONE_UNITY)
    return()
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  get_target_property(sources ${target} SOURCES)
  foreach(source IN LISTS sources)
    cmake_path(GET source PARENT_PATH folder)
    cmake_path(RELATIVE_PATH folder BASE_DIRECTORY ${CMAKE_SOURCE_DIR})
    string(MAKE_C_IDENTIFIER "${folder}" folder)
    if(NOT folder MATCHES "^hone_graph_ops$" AND NOT folder MATCHES "generated$")
      math(EXPR part "0${count_${folder}} / ${size}")
      math(EXPR count_${folder} "0${count_${folder}} + 1")
      set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${folder}_${part})
    endif()
  endforeach()
endfunction()

# hone_reuse_torch(TARGET): a program compiled with the precompiled header of hone_train, as a library is.
function(hone_reuse_torch target)
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${target} PRIVATE -fPIC)
  target_precompile_headers(${target} REUSE_FROM hone_train)
endfunction()

function(hone_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic)
  if(HONE_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
endfunction()
