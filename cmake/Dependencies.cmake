# Every third-party library of the product, found in one place. All come from
# the distribution's packages (scripts/setup installs them); none is vendored.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(Boost 1.74 REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(simdjson REQUIRED)
find_package(SQLite3 3.40 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(Snappy REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)
find_package(date CONFIG REQUIRED)
find_package(tomlplusplus CONFIG REQUIRED)
find_package(CLI11 CONFIG REQUIRED)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)

# Boost is used header-only: Asio and Beast.
add_library(tapeline_boost INTERFACE)
target_link_libraries(tapeline_boost INTERFACE Boost::headers OpenSSL::SSL OpenSSL::Crypto
                                               Threads::Threads)
target_compile_definitions(
  tapeline_boost INTERFACE BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_COROUTINE
                           BOOST_BEAST_USE_STD_STRING_VIEW)

if(TAPELINE_TESTS)
  find_package(GTest REQUIRED)
  pkg_check_modules(AVRO_C IMPORTED_TARGET avro-c)
  find_path(RAPIDCHECK_INCLUDE_DIR rapidcheck.h REQUIRED)
  find_library(RAPIDCHECK_LIBRARY rapidcheck REQUIRED)
endif()
