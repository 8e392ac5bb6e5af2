# One imported target per third-party library: custody_ext_<name>. custody_library(EXTERNAL <name>) is the only way
# to link one, so that Ranks.cmake can refuse a library where the design forbids it.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

function(custody_external name)
  pkg_check_modules(EXT_${name} REQUIRED IMPORTED_TARGET ${ARGN})
  add_library(custody_ext_${name} INTERFACE)
  target_link_libraries(custody_ext_${name} INTERFACE PkgConfig::EXT_${name})
endfunction()

function(custody_external_plain name)
  add_library(custody_ext_${name} INTERFACE)
  target_link_libraries(custody_ext_${name} INTERFACE ${ARGN})
endfunction()

custody_external(openssl libcrypto)
custody_external(secp256k1 libsecp256k1)
custody_external(botan botan-2)
custody_external(zmq libzmq)
custody_external(curl libcurl)
custody_external(p11kit p11-kit-1)
custody_external(protobuf protobuf)
custody_external(fmt fmt)
custody_external_plain(rocksdb rocksdb)
custody_external(tomlplusplus tomlplusplus)
custody_external(json nlohmann_json)
custody_external_plain(cli11)
custody_external_plain(threads Threads::Threads)
custody_external_plain(dl ${CMAKE_DL_LIBS})

find_package(GTest REQUIRED)
find_package(benchmark REQUIRED)
include(GoogleTest)
