# The dashboard: web/ is copied into the build folder, built there by npm as its lock file says,
# and its files become the library tapeline_page (src/serve/page.h). Without TAPELINE_WEB the
# library holds one page that says so.

set(page_source ${CMAKE_BINARY_DIR}/web/page.cc)

if(TAPELINE_WEB AND EXISTS ${PROJECT_SOURCE_DIR}/web/package.json)
  find_program(NODE node REQUIRED)
  find_program(NPM npm REQUIRED)
  set(stage ${CMAKE_BINARY_DIR}/web/stage)
  file(GLOB_RECURSE web_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/web/src/*
       ${PROJECT_SOURCE_DIR}/web/test/*)
  file(GLOB web_settings CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/web/*.json
       ${PROJECT_SOURCE_DIR}/web/*.mjs ${PROJECT_SOURCE_DIR}/web/.npmrc)
  list(FILTER web_settings EXCLUDE REGEX "/package(-lock)?\\.json$|/\\.npmrc$")
  set(web_packages ${PROJECT_SOURCE_DIR}/web/package.json
                   ${PROJECT_SOURCE_DIR}/web/package-lock.json ${PROJECT_SOURCE_DIR}/web/.npmrc)

  add_custom_command(
    OUTPUT ${stage}/packages.stamp
    COMMAND ${CMAKE_COMMAND} -E make_directory ${stage}
    COMMAND ${CMAKE_COMMAND} -E copy ${web_packages} ${stage}
    COMMAND ${CMAKE_COMMAND} -E chdir ${stage} ${NPM} ci --no-audit --no-fund --loglevel=error
    COMMAND ${CMAKE_COMMAND} -E touch ${stage}/packages.stamp
    DEPENDS ${web_packages}
    COMMENT "Fetching the dashboard's libraries"
    VERBATIM)
  add_custom_command(
    OUTPUT ${page_source}
    COMMAND ${CMAKE_COMMAND} -E rm -rf ${stage}/src ${stage}/test ${stage}/build ${stage}/dist
    COMMAND ${CMAKE_COMMAND} -E copy ${web_settings} ${stage}
    COMMAND ${CMAKE_COMMAND} -E copy_directory ${PROJECT_SOURCE_DIR}/web/src ${stage}/src
    COMMAND ${CMAKE_COMMAND} -E copy_directory ${PROJECT_SOURCE_DIR}/web/test ${stage}/test
    COMMAND ${CMAKE_COMMAND} -E chdir ${stage} ${NPM} run --silent build
    COMMAND ${NODE} ${PROJECT_SOURCE_DIR}/cmake/embed_page.mjs ${stage}/dist ${page_source}
    DEPENDS ${stage}/packages.stamp ${web_sources} ${web_settings}
            ${PROJECT_SOURCE_DIR}/cmake/embed_page.mjs
    COMMENT "Building the dashboard"
    VERBATIM)
  if(TAPELINE_TESTS)
    add_test(NAME web COMMAND ${NPM} run --silent test WORKING_DIRECTORY ${stage})
    set_tests_properties(web PROPERTIES TIMEOUT 300)
  endif()
else()
  file(
    CONFIGURE
    OUTPUT ${page_source}
    CONTENT
      [[#include "serve/page.h"

namespace tapeline::serve {
namespace {

constexpr PageFile kFiles[] = {{
    .path = "/index.html",
    .type = "text/html; charset=utf-8",
    .digest = "none",
    .bytes = "<!doctype html><title>Tapeline</title><p>This build has no dashboard (TAPELINE_WEB is "
             "off). The API is at <a href=\"/api/v1/status\">/api/v1/status</a>.\n",
    .gzip = {},
}};

}  // namespace

std::span<const PageFile> page_files() {
  return kFiles;
}

}  // namespace tapeline::serve
]]
    @ONLY)
endif()

add_library(tapeline_page STATIC ${page_source})
target_include_directories(tapeline_page PUBLIC ${PROJECT_SOURCE_DIR}/src)
