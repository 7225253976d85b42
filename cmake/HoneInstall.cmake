# hone_install(): what `cmake --install` puts below its prefix. The libraries (bin, lib, include) and a CMake
# package that finds its own place, so that the whole may be moved:
#   find_package(hone REQUIRED)                     hone::hone
#   find_package(hone REQUIRED COMPONENTS train)    hone::train too, where it was built with LibTorch
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

function(hone_install)
  set(package ${CMAKE_INSTALL_LIBDIR}/cmake/hone)

  # A sanitizer's library is only linked by those who take the sanitizer too.
  if(HONE_SANITIZE)
    target_compile_options(hone INTERFACE $<INSTALL_INTERFACE:-fsanitize=${HONE_SANITIZE}>)
    target_link_options(hone INTERFACE $<INSTALL_INTERFACE:-fsanitize=${HONE_SANITIZE}>)
  endif()

  install(TARGETS hone_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(TARGETS hone EXPORT hone ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(EXPORT hone NAMESPACE hone:: FILE honeTargets.cmake DESTINATION ${package})
  set(absent train learn)
  if(HONE_TORCH)
    set(absent)
    set_target_properties(hone_train PROPERTIES EXPORT_NAME train)
    install(TARGETS hone_worker RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
    install(TARGETS hone_train EXPORT hone_train ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
    install(EXPORT hone_train NAMESPACE hone:: FILE honeTrainTargets.cmake DESTINATION ${package})
  endif()

  set(without)
  foreach(room IN LISTS absent)
    list(APPEND without REGEX "/hone/${room}$" EXCLUDE)
  endforeach()
  install(DIRECTORY ${CMAKE_SOURCE_DIR}/hone DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h" ${without})

  configure_package_config_file(${CMAKE_SOURCE_DIR}/cmake/honeConfig.cmake.in ${CMAKE_BINARY_DIR}/generated/honeConfig.cmake
                                INSTALL_DESTINATION ${package})
  write_basic_package_version_file(${CMAKE_BINARY_DIR}/generated/honeConfigVersion.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${CMAKE_BINARY_DIR}/generated/honeConfig.cmake ${CMAKE_BINARY_DIR}/generated/honeConfigVersion.cmake
          DESTINATION ${package})
  install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
endfunction()
