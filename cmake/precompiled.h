// What nearly every unit that links LibTorch includes; precompiled once (LARMOR_PRECOMPILED_HEADERS).
#pragma once
#include <ATen/ATen.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>
