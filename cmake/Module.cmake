# tapeline_module(NAME [DEPENDS module...] [LIBRARIES target...])
#
# Declares src/NAME as the static library tapeline_NAME: every .cc file below
# the folder except tests and main.cc. Files named *_test.cc become the test
# program tapeline_NAME_test, the ctest entry unit_NAME. tests/architecture
# checks that includes follow DEPENDS.
#
# Headers without a source of their own are compiled alone by the target
# header_check; of the others, tests/architecture checks that their source
# includes them first, which proves the same.

add_library(tapeline_flags INTERFACE)
target_compile_options(
  tapeline_flags
  INTERFACE -Wall
            -Wextra
            -Wpedantic
            -Wshadow
            -Wnon-virtual-dtor
            -Woverloaded-virtual
            -Wcast-qual
            -Wconversion
            -Wno-sign-conversion
            -Werror
            -fno-omit-frame-pointer
            $<$<CXX_COMPILER_ID:GNU>:-Wno-psabi>)
# GCC 12 reports false positives of these kinds inside Asio's and the standard
# library's coroutine and string code once it inlines.
target_compile_options(
  tapeline_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized -Wno-restrict
                           -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread
                           -Wno-dangling-pointer -Wno-mismatched-new-delete>)
set(TAPELINE_TEST_TIMEOUT_S 300)
if(TAPELINE_SANITIZE)
  set(TAPELINE_TEST_TIMEOUT_S 1200)
  target_compile_options(tapeline_flags INTERFACE -fsanitize=${TAPELINE_SANITIZE}
                                                  -fno-sanitize-recover=all)
  # Asio and spdlog use fences, which ThreadSanitizer does not model; GCC warns of each.
  if(TAPELINE_SANITIZE STREQUAL thread AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    target_compile_options(tapeline_flags INTERFACE -Wno-tsan)
  endif()
  target_link_options(tapeline_flags INTERFACE -fsanitize=${TAPELINE_SANITIZE})
endif()

add_custom_target(header_check)

function(tapeline_header_check name)
  set(stubs)
  foreach(header ${ARGN})
    string(REGEX REPLACE "\\.h$" ".cc" source ${CMAKE_CURRENT_SOURCE_DIR}/${header})
    if(NOT EXISTS ${source})
      set(stub ${CMAKE_BINARY_DIR}/header_check/${header}.cc)
      file(CONFIGURE OUTPUT ${stub} CONTENT "#include \"${header}\"\n")
      list(APPEND stubs ${stub})
    endif()
  endforeach()
  if(stubs)
    add_library(tapeline_${name}_headers OBJECT EXCLUDE_FROM_ALL ${stubs})
    target_link_libraries(tapeline_${name}_headers PRIVATE tapeline_${name} tapeline_flags)
    add_dependencies(header_check tapeline_${name}_headers)
  endif()
endfunction()

function(tapeline_module name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LIBRARIES" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cc
       ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.S)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  list(FILTER sources EXCLUDE REGEX "/main\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(TRANSFORM ARG_DEPENDS PREPEND tapeline_ OUTPUT_VARIABLE dependencies)

  if(sources)
    add_library(tapeline_${name} STATIC ${sources})
    set(scope PUBLIC)
  else()
    add_library(tapeline_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(tapeline_${name} ${scope} ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(tapeline_${name} ${scope} ${dependencies} ${ARG_LIBRARIES})
  if(sources)
    target_link_libraries(tapeline_${name} PRIVATE tapeline_flags)
  endif()

  if(TAPELINE_TESTS AND tests)
    add_executable(tapeline_${name}_test ${tests})
    target_link_libraries(tapeline_${name}_test PRIVATE tapeline_${name} tapeline_flags GTest::gtest
                                                        GTest::gmock GTest::gtest_main)
    target_include_directories(tapeline_${name}_test PRIVATE ${RAPIDCHECK_INCLUDE_DIR}
                                                             ${PROJECT_SOURCE_DIR}/tests)
    target_link_libraries(tapeline_${name}_test PRIVATE ${RAPIDCHECK_LIBRARY})
    if(AVRO_C_FOUND AND name STREQUAL codec)
      target_link_libraries(tapeline_${name}_test PRIVATE PkgConfig::AVRO_C)
    endif()
    target_compile_definitions(tapeline_${name}_test
                               PRIVATE TAPELINE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    # Optimising what the sanitizers add takes most of such a build, and test code runs once.
    if(TAPELINE_SANITIZE)
      target_compile_options(tapeline_${name}_test PRIVATE -O0)
    endif()
    add_test(NAME unit_${name} COMMAND tapeline_${name}_test --gtest_brief=1)
    set_tests_properties(
      unit_${name} PROPERTIES TIMEOUT ${TAPELINE_TEST_TIMEOUT_S} ENVIRONMENT
                              GTEST_OUTPUT=xml:${CMAKE_BINARY_DIR}/reports/unit_${name}.xml)
  endif()
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR}
       ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.h)
  tapeline_header_check(${name} ${headers})
endfunction()
