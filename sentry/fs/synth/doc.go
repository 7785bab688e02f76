// Package synth is the toolkit for file systems that are made up as they are read, such as proc and sysfs: directories, files, symbolic links and magic links whose content functions give.
package synth
