// fields.h: all kernels of the fields of a plasma on a block of a Cartesian grid.
#pragma once
#include "field_absorbing.h"
#include "field_told.h"
#include "field_walls.h"
#include "field_yee.h"
