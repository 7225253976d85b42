# nlohmann's header defines the literal `_json`, and with it the parser of a JSON type that hone does not use:
# an inline function, which GCC instantiates anew in each source, a third of a second each. hone_light_json
# lays a copy of the header without the bodies of its literals into the build folder, which the library's own
# build reads instead; whoever uses the installed library reads the header as it came.
function(hone_light_json target)
  get_target_property(folders nlohmann_json::nlohmann_json INTERFACE_INCLUDE_DIRECTORIES)
  find_file(header nlohmann/json.hpp PATHS ${folders} NO_DEFAULT_PATH NO_CACHE REQUIRED)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${header})
  file(READ ${header} text)
  string(REGEX REPLACE "(inline nlohmann::json(::json_pointer)? operator *\"\" *_json(_pointer)?\\([^)]*\\))[ \n]*{[^}]*}"
         "\\1;" text "${text}")
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/json/nlohmann/json.hpp CONTENT "${text}" @ONLY)
  target_include_directories(${target} SYSTEM BEFORE PUBLIC $<BUILD_INTERFACE:${CMAKE_BINARY_DIR}/generated/json>)
endfunction()
