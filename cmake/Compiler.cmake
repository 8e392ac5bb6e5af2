# Flags that hold for every target of ours. Warnings are errors; sanitizers and fuzzing come from the presets.
add_compile_options(-Wall -Wextra -Werror -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough
                    -Wformat=2 -Wundef -Wcast-qual -Wvla -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-Wlogical-op -Wduplicated-cond)
  # GCC 12 reports false positives from inlined standard containers with these two.
  add_compile_options(-Wno-maybe-uninitialized -Wno-restrict)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_link_options(-Wl,-z,relro,-z,now -pie)
endif()
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

if(CUSTODY_SANITIZE)
  add_compile_options(-fsanitize=${CUSTODY_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${CUSTODY_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Sanitizer instrumentation makes GCC 12's flow analysis report paths that cannot happen.
    add_compile_options(-Wno-stringop-overflow -Wno-array-bounds -Wno-stringop-overread -Wno-free-nonheap-object)
  endif()
endif()
if(CUSTODY_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT DEFINED ENV{CUSTODY_NO_CCACHE})
  # Compile paths are made relative so that clones in different directories share the cache.
  set(CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
      CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE_PROGRAM})
  set(CMAKE_C_COMPILER_LAUNCHER ${CMAKE_CXX_COMPILER_LAUNCHER})
endif()
add_compile_options(-ffile-prefix-map=${CMAKE_SOURCE_DIR}=.)

find_program(LLD_PROGRAM NAMES ld.lld)
if(LLD_PROGRAM AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CUSTODY_SANITIZE STREQUAL "")
  add_link_options(-fuse-ld=lld)
endif()
