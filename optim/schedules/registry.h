// Schedules by name (optim.schedule.name).
#pragma once
#include "optim/schedule.h"
