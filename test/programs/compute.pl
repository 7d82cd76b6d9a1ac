# SPDX-License-Identifier: Apache-2.0
#
# A computation with a known result, again and again until the file named on the command line exists.
use strict;
use warnings;
$| = 1;
print "ready pid=$$\n";

sub computation {
    my (%count, @words);
    my $x = 12345;
    for my $i (1 .. 40000) {
        $x = ($x * 1103515245 + 12345) % 2147483648;
        my $word = join '', map { chr(97 + ($x >> $_) % 26) } 3, 8, 13;
        $count{$word}++;
        push @words, $word if $i % 1000 == 0;
    }
    my $text = join ' ', map { "$_=$count{$_}" } sort keys %count;
    my $sum = 0;
    $sum = ($sum * 31 + ord) % 1000000007 for split //, $text;
    return "$sum @words[0 .. 3] " . scalar keys %count;
}

my $known = '992592687 cgd nta yum ldg 15135';
my @results;
until (-e $ARGV[0]) {
    push @results, computation();
    print "working\n" if @results == 3;
}
push @results, computation();
my @wrong = grep { $_ ne $known } @results;
if (@wrong) {
    print "bad compute.pl: $wrong[0] (" . @wrong . ' of ' . @results . ")\n";
    exit 1;
}
print "ok compute.pl\n";
