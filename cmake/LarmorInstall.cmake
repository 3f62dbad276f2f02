# cmake --install gives a tree that can be moved:
#
#   bin/larmor   lib/*.a   lib/liblarmor_cuda.so   lib/cmake/larmor   include/larmor   share/larmor/configs   share/doc/larmor
#
# LibTorch (1 GB) stays where it is and is found by its absolute path, so the tree can move on its machine but not to another one.
# With LARMOR_INSTALL_LIBTORCH=ON its libraries are copied to lib/libtorch and found relative to bin/larmor: a tree for any machine
# with the same C library and the packages of scripts/packages.txt that the program links.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)
option(LARMOR_INSTALL_LIBTORCH "Copy LibTorch's libraries into the installed tree" OFF)
set(CMAKE_INSTALL_LIBDIR lib)

set(_package_dir lib/cmake/larmor)
set(LARMOR_CONFIGS_DIR share/larmor/configs)

get_property(_libraries GLOBAL PROPERTY LARMOR_LIBRARIES)
list(REMOVE_ITEM _libraries larmor_cli)  # the program's own
install(TARGETS ${_libraries} EXPORT larmorTargets ARCHIVE DESTINATION lib)
install(EXPORT larmorTargets NAMESPACE larmor:: DESTINATION ${_package_dir})
foreach(_folder IN LISTS _folders)
  install(DIRECTORY ${_folder} DESTINATION include/larmor FILES_MATCHING PATTERN "*.h")
endforeach()
install(DIRECTORY "${PROJECT_BINARY_DIR}/generated/" DESTINATION include/larmor FILES_MATCHING PATTERN "*.h")

configure_package_config_file(cmake/larmorConfig.cmake.in larmorConfig.cmake INSTALL_DESTINATION ${_package_dir}
  PATH_VARS LARMOR_CONFIGS_DIR)
write_basic_package_version_file(larmorConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/larmorConfig.cmake" "${PROJECT_BINARY_DIR}/larmorConfigVersion.cmake"
  cmake/LarmorLibraries.cmake cmake/FindLibTorch.cmake DESTINATION ${_package_dir})

install(DIRECTORY configs/ DESTINATION ${LARMOR_CONFIGS_DIR} FILES_MATCHING PATTERN "*.yaml")
install(FILES LICENSE THIRD_PARTY.md README.md CHANGELOG.md DESTINATION share/doc/larmor OPTIONAL)

if(LARMOR_INSTALL_LIBTORCH)
  set(_libtorch_rpath "$ORIGIN/../lib/libtorch/torch/lib;$ORIGIN/../lib/libtorch/nvidia/cu13/lib")
else()
  set(_libtorch_rpath "${LibTorch_RUNTIME_DIRS}")
endif()
if(TARGET larmor)
  set_target_properties(larmor PROPERTIES INSTALL_RPATH "$ORIGIN/../lib;${_libtorch_rpath}")
  install(TARGETS larmor RUNTIME DESTINATION bin)
endif()
if(TARGET larmor_cuda_plugin)
  install(TARGETS larmor_cuda_plugin LIBRARY DESTINATION lib)
endif()

if(LARMOR_INSTALL_LIBTORCH)
  # The layout of the wheel, in which its libraries find each other.
  file(GLOB _torch_libraries "${LibTorch_ROOT}/lib/lib*.so*")
  list(FILTER _torch_libraries EXCLUDE REGEX "python|libshm")
  install(PROGRAMS ${_torch_libraries} DESTINATION lib/libtorch/torch/lib)
  if(EXISTS "${LibTorch_ROOT}/../nvidia")
    install(DIRECTORY "${LibTorch_ROOT}/../nvidia" DESTINATION lib/libtorch USE_SOURCE_PERMISSIONS)
  endif()
  foreach(_file IN LISTS LibTorch_RUNTIME_FILES)
    file(REAL_PATH "${_file}" _real)
    get_filename_component(_name "${_file}" NAME)
    install(PROGRAMS "${_real}" DESTINATION lib/libtorch/nvidia/cu13/lib RENAME "${_name}")
  endforeach()
endif()
