# hone_embed(target name file...): compiles text files into `target`, as functions that return their text
# (see embed.cmake). Rebuilt when one of them changes.
function(hone_embed target name)
  set(generated ${CMAKE_BINARY_DIR}/generated/${name}_embedded.cpp)
  add_custom_command(
    OUTPUT ${generated}
    COMMAND ${CMAKE_COMMAND} "-DFILES=${ARGN}" -DOUTPUT=${generated} -P ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${ARGN} ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
    COMMENT "Embedding the files of ${name}" VERBATIM)
  target_sources(${target} PRIVATE ${generated})
  set_source_files_properties(${generated} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON SKIP_PRECOMPILE_HEADERS ON)
endfunction()

# hone_debian_file(variable path package): the absolute path of a file that a Debian package installs below
# /usr/share, in the cache; stops the configuration where it is missing.
function(hone_debian_file variable path package)
  find_file(${variable} NAMES ${path} PATHS /usr/share /usr/local/share NO_DEFAULT_PATH
            DOC "${path} of the package ${package}")
  if(NOT ${variable})
    message(FATAL_ERROR "${path} is missing; install Debian's package ${package} (apt-get install ${package}) "
                        "or name the file with -D${variable}=/path/to/it")
  endif()
endfunction()
